//! Passes: an API key exchanged for a browser's session, a link that signs in once, and what opens a staged site.

use crate::domain::caller::Caller;
use crate::domain::digest::Sha256;
use crate::domain::error::UserError;
use crate::domain::ids::RequestId;
use crate::domain::pass::{Pass, PassKind};
use crate::domain::time::Time;
use crate::requests::app::App;
use crate::requests::find::find;
use crate::storage::StoreError;
use crate::storage::passes::{PassRecord, StagedSite};

/// Opens a session for the holder of a key, which has been looked up.
pub async fn open_session(app: &App, key: Sha256) -> Result<Pass, UserError> {
    make(app, PassKind::Session, key, None, None).await
}

/// Makes what signs its first user in as the holder of a key.
pub async fn sign_in_link(app: &App, key: Sha256) -> Result<Pass, UserError> {
    make(app, PassKind::SignInLink, key, None, None).await
}

/// Opens a session by a link; `None` when it is unknown, used or over.
pub async fn follow_sign_in_link(app: &App, link: &Pass) -> Result<Option<Pass>, UserError> {
    match use_up(app, link, PassKind::SignInLink).await? {
        Some(link) if app.store.holder(link.of).await?.is_some() => Ok(Some(open_session(app, link.of).await?)),
        _ => Ok(None),
    }
}

/// Who has a session; `None` when it is unknown or over, or its key is revoked.
pub async fn session(app: &App, session: &Pass) -> Result<Option<Caller>, UserError> {
    match good(app, session.hash(), PassKind::Session).await? {
        Some(record) => Ok(app.store.holder(record.of).await?),
        None => Ok(None),
    }
}

/// Ends a session for good.
pub async fn sign_out(app: &App, session: &Pass) -> Result<(), UserError> {
    match app.store.end_pass(session.hash(), Time::now()).await {
        Ok(()) | Err(StoreError::Conflict) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Makes what opens a request's staged site for whoever has the session: `PreviewLink` for an address of its own,
/// `Preview` for one that carries it.
pub async fn open_preview(
    app: &App,
    caller: &Caller,
    session: &Pass,
    request: &str,
    kind: PassKind,
) -> Result<(RequestId, Pass), UserError> {
    let request = find(app, caller, request).await?;
    let Some(site) = app.kinds.of(&request)?.preview(&request) else {
        return Err(UserError::not_found(
            "This request publishes no site, so there is nothing to preview.",
            "Review its changes instead.",
        ));
    };
    let Some(signed_in) = good(app, session.hash(), PassKind::Session).await? else {
        return Err(UserError::not_found("Your session has ended.", "Sign in again."));
    };
    let pass = make(app, kind, signed_in.of, Some(session.hash()), Some(site)).await?;
    Ok((request.request_id, pass))
}

/// Exchanges a link for the preview of the same request, once; `None` when it opens nothing there.
pub async fn follow_preview_link(app: &App, link: &Pass, request: &RequestId) -> Result<Option<Pass>, UserError> {
    let Some(record) = use_up(app, link, PassKind::PreviewLink).await? else { return Ok(None) };
    match record.site {
        Some(site) if site.request_id == *request => {
            Ok(Some(make(app, PassKind::Preview, record.of, record.session, Some(site)).await?))
        }
        _ => Ok(None),
    }
}

/// The staged site that a pass opens; `None` when it, its session or its key has ended.
pub async fn previewed(app: &App, pass: &Pass) -> Result<Option<StagedSite>, UserError> {
    let Some(record) = good(app, pass.hash(), PassKind::Preview).await? else { return Ok(None) };
    let Some(session) = record.session else { return Ok(None) };
    let (session, holder) = tokio::try_join!(app.store.pass(session), app.store.holder(record.of))?;
    let is_signed_in = session.is_some_and(|session| session.is_good(PassKind::Session, Time::now()));
    Ok(record.site.filter(|_| is_signed_in && holder.is_some()))
}

async fn make(
    app: &App,
    kind: PassKind,
    key: Sha256,
    session: Option<Sha256>,
    site: Option<StagedSite>,
) -> Result<Pass, UserError> {
    let (pass, now) = (Pass::random(), Time::now());
    let expires_at = now.plus_seconds(kind.seconds());
    let record = PassRecord {
        key_hash: pass.hash(),
        kind,
        of: key,
        session,
        site,
        created_at: now,
        expires_at,
        ttl: expires_at.epoch_seconds(),
        ended_at: None,
    };
    match app.store.create_pass(&record).await {
        Ok(()) => Ok(pass),
        // A write whose answer was lost is sent again and then meets itself.
        Err(StoreError::Conflict) if app.store.pass(pass.hash()).await?.as_ref() == Some(&record) => Ok(pass),
        Err(error) => Err(error.into()),
    }
}

async fn good(app: &App, hash: Sha256, kind: PassKind) -> Result<Option<PassRecord>, UserError> {
    Ok(app.store.pass(hash).await?.filter(|record| record.is_good(kind, Time::now())))
}

/// Takes what opens once. Of several users at the same moment one gets it.
async fn use_up(app: &App, pass: &Pass, kind: PassKind) -> Result<Option<PassRecord>, UserError> {
    let Some(record) = good(app, pass.hash(), kind).await? else { return Ok(None) };
    match app.store.end_pass(pass.hash(), Time::now()).await {
        Ok(()) => Ok(Some(record)),
        Err(StoreError::Conflict) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
