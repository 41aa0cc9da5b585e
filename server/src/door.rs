//! The door: salt, create, join, leave. Each parses, checks, applies, answers.

use std::time::Instant;

use axum::{
    Json,
    extract::{FromRequest, Request, State},
    http::{StatusCode, header},
};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use wire::{
    CloseCode, Refusal, RoomName, Token, UserName,
    door::{Admission, CreateRequest, JoinRequest, LeaveRequest, Object, SaltAnswer, SaltRequest},
};
use zeroize::Zeroizing;

use crate::{
    Address, TokenHash, pages,
    refuse::Refused,
    room::{Claim, Newcomer},
    routes::App,
};

/// A body: an object in JSON. The media type must say so: a page of another site cannot send that unasked.
pub(crate) struct Body<T>(T);

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refused> {
        let media_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = media_type.and_then(|value| value.split(';').next()).unwrap_or_default();
        if !essence.trim().eq_ignore_ascii_case("application/json") {
            return Err(Refusal::NotJson.into());
        }
        let bytes = Bytes::from_request(request, app).await.map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE { Refusal::TooLarge } else { Refusal::Malformed }
        })?;
        let parsed = serde_json::from_slice(&bytes).map(|Object(body)| Self(body)).map_err(|_| Refusal::Malformed.into());
        // The body may hold a verifier or a token.
        drop(bytes.try_into_mut().map(|bytes| Zeroizing::new(Vec::from(bytes))));
        parsed
    }
}

fn room_name(text: &str) -> Result<RoomName, Refusal> {
    text.parse().map_err(|_| Refusal::BadRoomName)
}

fn user_name(text: &str) -> Result<UserName, Refusal> {
    text.parse().map_err(|_| Refusal::BadUserName)
}

fn new_token() -> Result<Token, Refusal> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|_| Refusal::Internal)?;
    Ok(Token::from(bytes))
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
) -> Result<(StatusCode, Json<Admission>), Refused> {
    let room = room_name(&request.room)?;
    let user = user_name(&request.user)?;
    app.creates.check(address)?;

    let token = new_token()?;
    let hash = app.secret.second_hash(&request.verifier);
    let creator = Newcomer { user, token: TokenHash::from(&token), address };
    let member_id = app.log.create(request.room_id, room, hash, creator, Instant::now()).await?;

    Ok((StatusCode::OK, Json(Admission { room_id: request.room_id, member_id, token })))
}

pub(crate) async fn join(
    State(app): State<App>,
    address: Address,
    Body(request): Body<JoinRequest>,
) -> Result<Json<Admission>, Refused> {
    let room = room_name(&request.room)?;
    let user = user_name(&request.user)?;
    app.joins.check(address)?;

    let token = new_token()?;
    let hash = app.secret.second_hash(&request.verifier);
    let newcomer = Newcomer { user, token: TokenHash::from(&token), address };
    let (room_id, member_id) = app.log.admit(room, hash, newcomer, Instant::now()).await?;

    Ok(Json(Admission { room_id, member_id, token }))
}

pub(crate) async fn leave(
    State(app): State<App>,
    address: Address,
    Body(request): Body<LeaveRequest>,
) -> Result<StatusCode, Refused> {
    let claim = Claim { member_id: request.member_id, token: TokenHash::from(&request.token), address, hash: None };
    app.log.leave(request.room_id, claim, Instant::now()).await.map_err(|code| match code {
        CloseCode::AddressChanged => Refusal::AddressChanged,
        _ => Refusal::UnknownToken,
    })?;
    Ok(StatusCode::NO_CONTENT)
}
