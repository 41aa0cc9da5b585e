//! What the gates answer: `POST /api/gate…`.

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

use super::{
    Bearer, Gates, fingerprint,
    mail::{Allowed, MailboxName},
    pass::{Fingerprint, unix},
    people::{CodeKind, People, Shown},
    tokens::Tokens,
    unreadable,
};
use crate::{
    app::App,
    door::{Body, sealed_json},
    guesses::Door,
    refuse::Refused,
};

/// Runs what reads or writes a file, on a thread that may wait for the disk.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Refusal::Internal)
}

/// Whether someone may make a room, or come in.
pub(crate) async fn check(app: &App, gate: Gate, pass: Option<Pass>) -> Result<(), Refusal> {
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
    /// A gate that nobody put up is not there.
    fn uses(&self, gate: Gate) -> Result<(), Refusal> {
        if self.create == gate || self.join == gate { Ok(()) } else { Err(Refusal::NotFound) }
    }
}

/// The answer to someone who has passed. It is wiped when it was sent.
fn passed(app: &App, gate: Gate, subject: &str, fingerprint: Fingerprint) -> Result<Response, Refused> {
    let bearer = Bearer { gate, subject: subject.to_owned(), fingerprint };
    let pass = Gates::pass(&bearer, &app.secret)?;
    sealed_json(&PassAnswer { pass, seconds: limits::PASS_LASTS.as_secs() })
}

/// A guess that was wrong or may not be made: the answer, and how long it waits.
struct Failed {
    refused: Refused,
    delay: Duration,
}

impl<R: Into<Refused>> From<R> for Failed {
    fn from(refused: R) -> Self {
        Self { refused: refused.into(), delay: Duration::ZERO }
    }
}

/// Compares and counts one guess after another, on a thread that may wait for the disk. Once begun, it goes to its end: a
/// client that hangs up is not spared the count.
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
    Refused::until(Refusal::LockedOut, wait)
}

pub(crate) async fn token(
    State(app): State<App>,
    address: Address,
    Body(request): Body<AccessTokenRequest>,
) -> Result<Response, Refused> {
    app.gates.uses(Gate::Token)?;
    app.signins.check(address)?;
    let (name, fingerprint) = guess(&app, move |app, now| {
        app.guesses.check(Door::Token, address, now).map_err(locked_out)?;
        let tokens = Tokens::read(app.gates.folder()?).map_err(unreadable)?;
        let shown = Some(request.token.as_str()).filter(|token| token.len() <= limits::ACCESS_TOKEN_CHARS);
        match shown.and_then(|token| tokens.find(token)) {
            Some(token) => Ok((token.name.as_str().to_owned(), fingerprint(&token.hash))),
            None => {
                let delay = app.guesses.wrong(Door::Token, address, now);
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
        let (person, codes) = (Door::Person(name.as_str()), Door::Code(name.as_str()));
        app.guesses.check(person, address, now).map_err(locked_out)?;
        let kind = request.code.as_ref().map(|code| CodeKind::of(code));
        let is_one_time = kind == Some(CodeKind::OneTime);
        // Whether codes are locked is told only where the password is right.
        let locked = app.gates.code_guesses.check_all(codes, now).err().filter(|_| is_one_time);
        let code = request.code.as_ref().map(|code| code.as_str()).filter(|_| locked.is_none());
        let shown = Shown { name: &name, verifier: &request.verifier, code };
        let seconds = unix(SystemTime::now());
        let signed_in = People::sign_in(app.gates.folder()?, &app.secret, &shown, seconds).map_err(unreadable)?;
        match (signed_in, locked) {
            (Ok(fingerprint), _) => Ok(fingerprint),
            (Err(Refusal::CodeWanted), Some(wait)) => Err(Refused::until(Refusal::CodesLocked, wait).into()),
            (Err(Refusal::WrongCode), _) if is_one_time => {
                // Six digits: wherever the guesses come from, there may be few of them.
                app.gates.code_guesses.wrong_anywhere(codes, now);
                Err(Refusal::WrongCode.into())
            }
            (Err(refusal @ (Refusal::WrongPerson | Refusal::WrongCode)), _) => {
                Err(Failed { refused: refusal.into(), delay: app.guesses.wrong(person, address, now) })
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
        None => ask(&app, address, mailbox).await,
        Some(code) => show(&app, address, mailbox, code).await,
    }
}

/// Sends a code. Takes the same steps for every mailbox, on the list or not, until it has answered.
async fn ask(app: &App, address: Address, mailbox: MailboxName) -> Result<Response, Refused> {
    let now = Instant::now();
    let mailer = app.gates.mailer.as_ref().ok_or(Refusal::Internal)?;
    let too_many = |wait| Refused::until(Refusal::TooManyMails, wait);
    app.gates.asks.check(Door::MailedCode, address, now).map_err(too_many)?;
    app.gates.codes.check(&mailbox, now)?;
    app.gates.asks.wrong(Door::MailedCode, address, now);
    if !mailer.is_up().await {
        return Err(Refusal::MailDown.into());
    }
    let digits = app.gates.codes.draw(&mailbox, now)?;
    let (app, mailer) = (app.clone(), Arc::clone(mailer));
    tokio::spawn(async move {
        let listed = {
            let mailbox = mailbox.clone();
            blocking(move || Ok::<_, Refusal>(Allowed::read(app.gates.folder()?).map_err(unreadable)?.has(&mailbox)))
        };
        if let Ok(Ok(true)) = listed.await {
            mailer.send(&mailbox, &digits).await;
        }
    });
    Ok(StatusCode::ACCEPTED.into_response())
}

/// Lets someone pass who shows the code.
async fn show(app: &App, address: Address, mailbox: MailboxName, code: Zeroizing<String>) -> Result<Response, Refused> {
    let subject = mailbox.as_str().to_owned();
    guess(app, move |app, now| {
        app.guesses.check(Door::MailedCode, address, now).map_err(locked_out)?;
        let is_listed = Allowed::read(app.gates.folder()?).map_err(unreadable)?.has(&mailbox);
        // A mailbox that is not on the list has a code as well, which was sent to nobody.
        if app.gates.codes.spend(&mailbox, &code, now)? && is_listed {
            return Ok(());
        }
        let delay = app.guesses.wrong(Door::MailedCode, address, now);
        Err(Failed { refused: Refusal::WrongCode.into(), delay })
    })
    .await?;
    passed(app, Gate::Email, &subject, Fingerprint::default())
}
