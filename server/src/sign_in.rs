//! The handlers of `POST /api/gate…`: sign-in at the gates.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use room::Address;
use wire::{
    Pass, PersonName, Refusal,
    door::{
        AccessTokenRequest, Gate, GateAnswer, GateRequest, MailRequest, PassAnswer, PersonRequest, PersonSaltAnswer,
        PersonSaltRequest,
    },
    limits,
};
use zeroize::Zeroizing;

use crate::{
    app::App,
    gate::{
        Bearer, CodeKind, Credentials, Fingerprint, Gates, MailboxList, MailboxName, People, Tokens, fingerprint,
        unix_seconds, unreadable,
    },
    guesses::GuessTarget,
    json_body::{Body, sealed_json},
    refuse::Refused,
};

/// Runs file IO on a thread for blocking work.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Refusal::Internal)
}

/// Checks that this pass allows creating or joining rooms.
pub(crate) async fn check_pass(app: &App, gate: Gate, pass: Option<Pass>) -> Result<(), Refusal> {
    if gate == Gate::Open {
        return Ok(());
    }
    let app = app.clone();
    blocking(move || app.gates.opens(gate, pass.as_ref(), &app.secret)).await?
}

pub(crate) async fn gate(State(app): State<App>, Body(GateRequest {}): Body<GateRequest>) -> Json<GateAnswer> {
    Json(GateAnswer { create: app.gates.create, join: app.gates.join })
}

impl Gates {
    /// Refuses requests to a gate that is not in use.
    fn uses(&self, gate: Gate) -> Result<(), Refusal> {
        if self.create == gate || self.join == gate { Ok(()) } else { Err(Refusal::NotFound) }
    }
}

/// Returns the answer with the pass after a successful sign-in. Its body is wiped after sending.
fn passed(app: &App, gate: Gate, subject: &str, fingerprint: Fingerprint) -> Result<Response, Refused> {
    let bearer = Bearer { gate, subject: subject.to_owned(), fingerprint };
    let pass = Gates::pass(&bearer, &app.secret)?;
    sealed_json(&PassAnswer { pass, seconds: limits::PASS_LIFETIME.as_secs() })
}

/// The answer to a wrong or disallowed guess, and how long to delay it.
struct Failed {
    refused: Refused,
    delay: Duration,
}

impl<R: Into<Refused>> From<R> for Failed {
    fn from(refused: R) -> Self {
        Self { refused: refused.into(), delay: Duration::ZERO }
    }
}

/// Checks and counts one guess at a time, on a thread for blocking work. A check runs to its end even when the client
/// hangs up, so hanging up does not avoid the count.
async fn guess<T: Send + 'static>(
    app: &App,
    compare: impl FnOnce(&App, Instant) -> Result<T, Failed> + Send + 'static,
) -> Result<T, Refused> {
    let turn = Arc::clone(&app.gates.turn).lock_owned().await;
    let asked = app.clone();
    let compared = blocking(move || {
        let _turn = turn;
        compare(&asked, Instant::now())
    });
    match compared.await? {
        Ok(right) => Ok(right),
        Err(Failed { refused, delay }) => {
            app.guesses.slow_down(delay).await;
            Err(refused)
        }
    }
}

fn locked_out(wait: Duration) -> Refused {
    Refused::retry_after(Refusal::LockedOut, wait)
}

pub(crate) async fn token(
    State(app): State<App>,
    address: Address,
    Body(request): Body<AccessTokenRequest>,
) -> Result<Response, Refused> {
    app.gates.uses(Gate::Token)?;
    app.signins.check(address)?;
    let (name, fingerprint) = guess(&app, move |app, now| {
        app.guesses.check(GuessTarget::Token, address, now).map_err(locked_out)?;
        let tokens = Tokens::read(app.gates.folder()?).map_err(unreadable)?;
        let shown = Some(request.token.as_str()).filter(|token| token.len() <= limits::ACCESS_TOKEN_CHARS);
        match shown.and_then(|token| tokens.find(token)) {
            Some(token) => Ok((token.name.as_str().to_owned(), fingerprint(&token.hash))),
            None => {
                let delay = app.guesses.count_wrong(GuessTarget::Token, address, now);
                Err(Failed { refused: Refusal::WrongAccessToken.into(), delay })
            }
        }
    })
    .await?;
    passed(&app, Gate::Token, &name, fingerprint)
}

pub(crate) async fn salt(
    State(app): State<App>,
    Body(request): Body<PersonSaltRequest>,
) -> Result<Json<PersonSaltAnswer>, Refused> {
    app.gates.uses(Gate::People)?;
    let name = request.name.parse::<PersonName>().map_err(|_| Refusal::WrongPerson)?;
    Ok(Json(PersonSaltAnswer { salt: People::salt(&app.secret, &name) }))
}

pub(crate) async fn people(
    State(app): State<App>,
    address: Address,
    Body(request): Body<PersonRequest>,
) -> Result<Response, Refused> {
    app.gates.uses(Gate::People)?;
    app.signins.check(address)?;
    let name = request.name.parse::<PersonName>().map_err(|_| Refusal::WrongPerson)?;
    let subject = name.as_str().to_owned();
    let fingerprint = guess(&app, move |app, now| {
        let (person, codes) = (GuessTarget::Person(name.as_str()), GuessTarget::Code(name.as_str()));
        app.guesses.check(person, address, now).map_err(locked_out)?;
        let kind = request.code.as_ref().map(|code| CodeKind::of(code));
        let is_one_time = kind == Some(CodeKind::OneTime);
        // The answer tells that codes are locked only if the password is right.
        let locked = app.gates.code_guesses.check_anywhere(codes, now).err().filter(|_| is_one_time);
        let code = request.code.as_ref().map(|code| code.as_str()).filter(|_| locked.is_none());
        let credentials = Credentials { name: &name, verifier: &request.verifier, code };
        let seconds = unix_seconds(SystemTime::now());
        let signed_in = People::sign_in(app.gates.folder()?, &app.secret, &credentials, seconds).map_err(unreadable)?;
        match (signed_in, locked) {
            (Ok(fingerprint), _) => Ok(fingerprint),
            (Err(Refusal::CodeWanted), Some(wait)) => Err(Refused::retry_after(Refusal::CodesLocked, wait).into()),
            (Err(Refusal::WrongCode), _) if is_one_time => {
                // Six digits withstand few guesses, so guesses from all networks count together.
                app.gates.code_guesses.count_wrong_anywhere(codes, now);
                Err(Refusal::WrongCode.into())
            }
            (Err(refusal @ (Refusal::WrongPerson | Refusal::WrongCode)), _) => {
                Err(Failed { refused: refusal.into(), delay: app.guesses.count_wrong(person, address, now) })
            }
            (Err(refusal), _) => Err(refusal.into()),
        }
    })
    .await?;
    passed(&app, Gate::People, &subject, fingerprint)
}

pub(crate) async fn email(
    State(app): State<App>,
    address: Address,
    Body(request): Body<MailRequest>,
) -> Result<Response, Refused> {
    app.gates.uses(Gate::Email)?;
    app.signins.check(address)?;
    let mailbox = request.address.parse::<MailboxName>()?;
    match request.code {
        None => send_code(&app, address, mailbox).await,
        Some(code) => check_code(&app, address, mailbox, code).await,
    }
}

/// Sends a code. Takes the same steps for listed and unlisted mailboxes until it has answered, so that the answer does
/// not reveal the list.
async fn send_code(app: &App, address: Address, mailbox: MailboxName) -> Result<Response, Refused> {
    let now = Instant::now();
    let mailer = app.gates.mailer.as_ref().ok_or(Refusal::Internal)?;
    let too_many = |wait| Refused::retry_after(Refusal::TooManyMails, wait);
    app.gates.code_requests.check(GuessTarget::MailedCode, address, now).map_err(too_many)?;
    app.gates.codes.check(&mailbox, now)?;
    app.gates.code_requests.count_wrong(GuessTarget::MailedCode, address, now);
    if !mailer.is_up().await {
        return Err(Refusal::MailDown.into());
    }
    let digits = app.gates.codes.draw(&mailbox, now)?;
    let (app, mailer) = (app.clone(), Arc::clone(mailer));
    tokio::spawn(async move {
        let listed = {
            let mailbox = mailbox.clone();
            blocking(move || {
                Ok::<_, Refusal>(MailboxList::read(app.gates.folder()?).map_err(unreadable)?.has(&mailbox))
            })
        };
        if let Ok(Ok(true)) = listed.await {
            mailer.send(&mailbox, &digits).await;
        }
    });
    Ok(StatusCode::ACCEPTED.into_response())
}

/// Checks a mailed code and answers with a pass.
async fn check_code(
    app: &App,
    address: Address,
    mailbox: MailboxName,
    code: Zeroizing<String>,
) -> Result<Response, Refused> {
    let subject = mailbox.as_str().to_owned();
    guess(app, move |app, now| {
        app.guesses.check(GuessTarget::MailedCode, address, now).map_err(locked_out)?;
        let is_listed = MailboxList::read(app.gates.folder()?).map_err(unreadable)?.has(&mailbox);
        // An unlisted mailbox also has a code, which was never sent.
        if app.gates.codes.spend(&mailbox, &code, now)? && is_listed {
            return Ok(());
        }
        let delay = app.guesses.count_wrong(GuessTarget::MailedCode, address, now);
        Err(Failed { refused: Refusal::WrongCode.into(), delay })
    })
    .await?;
    passed(app, Gate::Email, &subject, Fingerprint::default())
}
