//! The door: the handlers of `POST /api/salt`, `create`, `join` and `leave`.

use std::time::Instant;

use axum::{Json, extract::State, http::StatusCode, response::Response};
use room::{Address, Claim, Newcomer, TokenHash};
use wire::{
    CloseCode, Refusal, RoomName, Token, UserName,
    door::{Admission, CreateRequest, JoinRequest, LeaveRequest, SaltAnswer, SaltRequest},
};

use crate::{
    app::App,
    guesses::GuessTarget,
    json_body::{Body, sealed_json},
    pages,
    refuse::Refused,
    sign_in,
};

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
    sign_in::check_pass(&app, app.gates.create, request.pass).await?;

    let token = new_token()?;
    let hash = app.secret.second_hash(&request.verifier);
    let creator = Newcomer { user, token: TokenHash::from(&token), address };
    let member_id = app.store.create(request.room_id, room, hash, creator, Instant::now())?;

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
    sign_in::check_pass(&app, app.gates.join, request.pass).await?;
    let (name, now) = (room.clone(), Instant::now());
    let target = GuessTarget::Room(name.as_str());
    app.guesses.check(target, address, now).map_err(|wait| Refused::retry_after(Refusal::LockedOut, wait))?;

    let token = new_token()?;
    let hash = app.secret.second_hash(&request.verifier);
    let newcomer = Newcomer { user, token: TokenHash::from(&token), address };
    let admitted = app.store.admit(&room, hash, newcomer, now);
    if admitted == Err(Refusal::WrongCredentials) {
        let delay = app.guesses.count_wrong(target, address, now);
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
    app.store.leave(request.room_id, claim, Instant::now()).map_err(|code| match code {
        CloseCode::AddressChanged => Refusal::AddressChanged,
        _ => Refusal::UnknownToken,
    })?;
    Ok(StatusCode::NO_CONTENT)
}
