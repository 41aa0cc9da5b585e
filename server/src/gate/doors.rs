//! What the gates answer: `POST /api/gate…`.

use std::time::{Instant, SystemTime};

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use wire::{
    Pass, PersonName, Refusal,
    door::{
        AccessTokenRequest, Gate, GateAnswer, GateRequest, MailRequest, PassAnswer, PersonRequest, PersonSaltAnswer,
        PersonSaltRequest,
    },
    limits,
};

use super::{
    Bearer, Gates, fingerprint,
    mail::{Allowed, MailboxName, Shown as CodeShown},
    pass::{Fingerprint, unix},
    people::{CodeKind, People, Shown},
    tokens::Tokens,
    unreadable,
};
use crate::{
    Address,
    door::{Body, sealed_json},
    guesses::Door,
    refuse::Refused,
    routes::App,
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

pub(crate) async fn token(
    State(app): State<App>,
    address: Address,
    Body(request): Body<AccessTokenRequest>,
) -> Result<Response, Refused> {
    app.gates.uses(Gate::Token)?;
    app.signins.check(address)?;
    let now = Instant::now();
    app.guesses.check(Door::Token, address, now).map_err(|wait| Refused::until(Refusal::LockedOut, wait))?;
    let asked = app.clone();
    let found = blocking(move || {
        let tokens = Tokens::read(asked.gates.folder()?).map_err(unreadable)?;
        let shown = Some(request.token.as_str()).filter(|token| token.len() <= limits::ACCESS_TOKEN_CHARS);
        let token = shown.and_then(|token| tokens.find(token));
        Ok::<_, Refusal>(token.map(|token| (token.name.as_str().to_owned(), fingerprint(&token.hash))))
    })
    .await??;
    match found {
        Some((name, fingerprint)) => passed(&app, Gate::Token, &name, fingerprint),
        None => {
            app.guesses.wrong(Door::Token, address, now).await;
            Err(Refusal::WrongAccessToken.into())
        }
    }
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
    let now = Instant::now();
    let kind = request.code.as_ref().map(|code| CodeKind::of(code));
    let person = Door::Person(name.as_str());
    app.guesses.check(person, address, now).map_err(|wait| Refused::until(Refusal::LockedOut, wait))?;
    // Whether codes are locked is told to those only who know the password.
    let locked =
        app.guesses.check_all(Door::Code(name.as_str()), now).err().filter(|_| kind == Some(CodeKind::OneTime));
    let signed_in = {
        let (app, name) = (app.clone(), name.clone());
        blocking(move || {
            let code = request.code.as_ref().map(|code| code.as_str()).filter(|_| locked.is_none());
            let shown = Shown { name: &name, verifier: &request.verifier, code };
            let now = unix(SystemTime::now());
            People::sign_in(app.gates.folder()?, &app.secret, &shown, now).map_err(unreadable)
        })
        .await??
    };
    match signed_in {
        Ok(fingerprint) => passed(&app, Gate::People, name.as_str(), fingerprint),
        Err(Refusal::CodeWanted) => Err(match locked {
            Some(wait) => Refused::until(Refusal::CodesLocked, wait),
            None => Refusal::CodeWanted.into(),
        }),
        Err(refusal) => {
            match (refusal, kind) {
                // Six digits: wherever the guesses come from, there may be few of them.
                (Refusal::WrongCode, Some(CodeKind::OneTime)) => {
                    app.guesses.wrong_anywhere(Door::Code(name.as_str()), now);
                }
                (Refusal::WrongPerson | Refusal::WrongCode, _) => app.guesses.wrong(person, address, now).await,
                _ => {}
            }
            Err(refusal.into())
        }
    }
}

pub(crate) async fn email(
    State(app): State<App>,
    address: Address,
    Body(request): Body<MailRequest>,
) -> Result<Response, Refused> {
    app.gates.uses(Gate::Email)?;
    app.signins.check(address)?;
    let mailbox = request.address.parse::<MailboxName>()?;
    let now = Instant::now();
    let (door, code_door) = (Door::Mailbox(mailbox.as_str()), Door::MailedCode(mailbox.as_str()));
    let locked = app.guesses.check(door, address, now).and_then(|()| app.guesses.check_all(code_door, now));
    locked.map_err(|wait| Refused::until(Refusal::LockedOut, wait))?;
    let is_listed = {
        let (app, mailbox) = (app.clone(), mailbox.clone());
        blocking(move || Ok::<_, Refusal>(Allowed::read(app.gates.folder()?).map_err(unreadable)?.has(&mailbox)))
            .await??
    };
    let Some(code) = request.code else {
        let mailer = app.gates.mailer.as_ref().ok_or(Refusal::Internal)?;
        app.gates.codes.check(&mailbox, now)?;
        if !mailer.is_up().await {
            return Err(Refusal::MailDown.into());
        }
        let digits = app.gates.codes.draw(&mailbox, now)?;
        if is_listed {
            mailer.send(&mailbox, &digits);
        }
        return Ok(StatusCode::ACCEPTED.into_response());
    };
    let shown = app.gates.codes.spend(&mailbox, &code, now);
    // A mailbox that is not on the list has a code as well, which was sent to nobody.
    if shown == CodeShown::Right && is_listed {
        return passed(&app, Gate::Email, mailbox.as_str(), Fingerprint::default());
    }
    if shown != CodeShown::Unasked {
        // Six digits: wherever the guesses come from, there may be few of them. Without a code to guess at, they cost
        // their own address alone: or anyone could lock a mailbox for its owner.
        app.guesses.wrong_anywhere(code_door, now);
    }
    app.guesses.wrong(door, address, now).await;
    Err(Refusal::WrongCode.into())
}
