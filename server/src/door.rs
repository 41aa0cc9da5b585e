//! The door: salt, create, join, leave. Each parses, checks, applies, answers.

use std::{future::poll_fn, pin::Pin, time::Instant};

use axum::{
    Json,
    extract::{FromRequest, Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use hyper::body::Body as _;
use serde::{Serialize, de::DeserializeOwned};
use wire::{
    CloseCode, Refusal, RoomName, Token, UserName,
    door::{Admission, CreateRequest, JoinRequest, LeaveRequest, Object, SaltAnswer, SaltRequest},
    limits,
};
use zeroize::Zeroizing;

use room::{Address, Claim, Newcomer, TokenHash};

use crate::{app::App, gate::doors, guesses::Door as Guess, pages, refuse::Refused, wiped::wipe};

/// More than an answer with a secret has in JSON: an admission, or a pass.
const ANSWER_BYTES: usize = limits::PASS_CHARS + 256;

/// A body: an object in JSON. The media type must say so: a page of another site cannot send that unasked.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refused> {
        let media_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = media_type.and_then(|value| value.split(';').next()).unwrap_or_default();
        if !essence.trim().eq_ignore_ascii_case("application/json") {
            return Err(Refusal::NotJson.into());
        }
        // The head goes first: while it is held, so is the buffer that it came in, and the body with it.
        let bytes = read(request.into_body(), app.config.max_door_bytes).await?;
        let Object(parsed) = serde_json::from_slice(&bytes).map_err(|_| Refusal::Malformed)?;
        Ok(Self(parsed))
    }
}

/// Reads a body of so many bytes at most. It may hold a verifier or a token, and is wiped when it was parsed.
async fn read(mut body: axum::body::Body, most: usize) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let length = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if length > most {
        return Err(Refusal::TooLarge);
    }
    // A vector that grows leaves copies behind: it has its length from the start.
    let mut whole = Zeroizing::new(Vec::with_capacity(length));
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let Ok(part) = frame.map_err(|_| Refusal::Malformed)?.into_data() else { continue };
        if part.len() > length - whole.len() {
            return Err(Refusal::Malformed);
        }
        whole.extend_from_slice(&part);
        wipe(part);
    }
    Ok(whole)
}

/// An answer that holds a secret: it is wiped when it was sent.
pub(crate) fn sealed_json(answer: &impl Serialize) -> Result<Response, Refused> {
    let mut body = Zeroizing::new(Vec::with_capacity(ANSWER_BYTES));
    serde_json::to_writer(&mut *body, answer).map_err(|_| Refusal::Internal)?;
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    Ok((json, axum::body::Body::from(Bytes::from_owner(body))).into_response())
}

fn room_name(text: &str) -> Result<RoomName, Refusal> {
    text.parse().map_err(|_| Refusal::BadRoomName)
}

fn user_name(text: &str) -> Result<UserName, Refusal> {
    text.parse().map_err(|_| Refusal::BadUserName)
}

fn new_token() -> Result<Token, Refusal> {
    Token::filled(|bytes| getrandom::fill(bytes).map_err(|_| Refusal::Internal))
}

pub(crate) async fn salt(
    State(app): State<App>,
    Body(request): Body<SaltRequest>,
) -> Result<Json<SaltAnswer>, Refused> {
    let room = room_name(&request.room)?;
    Ok(Json(SaltAnswer { salt: app.secret.salt(&room), build: pages::BUILD.to_owned() }))
}

pub(crate) async fn create(
    State(app): State<App>,
    address: Address,
    Body(request): Body<CreateRequest>,
) -> Result<Response, Refused> {
    let room = room_name(&request.room)?;
    let user = user_name(&request.user)?;
    app.creates.check(address)?;
    doors::check(&app, app.gates.create, request.pass).await?;

    let token = new_token()?;
    let hash = app.secret.second_hash(&request.verifier);
    let creator = Newcomer { user, token: TokenHash::from(&token), address };
    let member_id = app.store.create(request.room_id, room, hash, creator, Instant::now()).await?;

    sealed_json(&Admission { room_id: request.room_id, member_id, token })
}

pub(crate) async fn join(
    State(app): State<App>,
    address: Address,
    Body(request): Body<JoinRequest>,
) -> Result<Response, Refused> {
    let room = room_name(&request.room)?;
    let user = user_name(&request.user)?;
    app.joins.check(address)?;
    doors::check(&app, app.gates.join, request.pass).await?;
    let (guessed, now) = (room.clone(), Instant::now());
    let guess = Guess::Room(guessed.as_str());
    app.guesses.check(guess, address, now).map_err(|wait| Refused::until(Refusal::LockedOut, wait))?;

    let token = new_token()?;
    let hash = app.secret.second_hash(&request.verifier);
    let newcomer = Newcomer { user, token: TokenHash::from(&token), address };
    let admitted = app.store.admit(room, hash, newcomer, now).await;
    if admitted == Err(Refusal::WrongCredentials) {
        let delay = app.guesses.wrong(guess, address, now);
        app.guesses.slow_down(delay).await;
    }
    let (room_id, member_id) = admitted?;

    sealed_json(&Admission { room_id, member_id, token })
}

pub(crate) async fn leave(
    State(app): State<App>,
    address: Address,
    Body(request): Body<LeaveRequest>,
) -> Result<StatusCode, Refused> {
    let claim = Claim { member_id: request.member_id, token: TokenHash::from(&request.token), address, hash: None };
    app.store.leave(request.room_id, claim, Instant::now()).await.map_err(|code| match code {
        CloseCode::AddressChanged => Refusal::AddressChanged,
        _ => Refusal::UnknownToken,
    })?;
    Ok(StatusCode::NO_CONTENT)
}
