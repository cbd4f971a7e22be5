//! API keys: made, listed and revoked by an admin.

use super::projects::{NoArguments, require};
use crate::domain::caller::{ApiKey, Caller, Role};
use crate::domain::error::UserError;
use crate::domain::ids::KeyId;
use crate::domain::time::Time;
use crate::requests::app::App;
use crate::storage::keys::KeyRecord;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Arguments of `bouncer_key_create`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct CreateKey {
    /// Whose key it is, for people: 1 to 80 characters.
    pub name: String,
    /// What it may do: agent, approver or admin.
    #[schemars(extend("enum" = ["agent", "approver", "admin"]))]
    pub role: String,
}

/// The answer of `bouncer_key_create`: the only one that ever holds the secret.
#[derive(Serialize, JsonSchema)]
pub struct CreatedKey {
    /// "ok".
    pub status: &'static str,
    /// The key's id.
    pub key_id: String,
    /// Its name.
    pub name: String,
    /// Its role.
    pub role: &'static str,
    /// The secret. It is shown this once.
    pub key: String,
}

/// Makes a key.
pub async fn create(app: &App, caller: &Caller, args: CreateKey) -> Result<CreatedKey, UserError> {
    require(caller, Role::Admin)?;
    let role = match args.role.as_str() {
        "agent" => Role::Agent,
        "approver" => Role::Approver,
        "admin" => Role::Admin,
        other => {
            return Err(UserError::invalid(
                "role",
                format!("There is no role '{}'.", other.chars().take(40).collect::<String>()),
                "Use agent, approver or admin.",
            ));
        }
    };
    if args.name.chars().count() > 80 || args.name.chars().any(char::is_control) {
        return Err(UserError::invalid(
            "name",
            "A key's name has 1 to 80 characters on one line.",
            "Choose a shorter name.",
        ));
    }
    let (record, key) = new_key(&args.name, role);
    app.store.create_key(&record).await?;
    Ok(CreatedKey {
        status: "ok",
        key_id: record.key_id.to_string(),
        name: record.name,
        role: role.as_str(),
        key: key.expose().to_owned(),
    })
}

/// A key's row and its secret.
pub fn new_key(name: &str, role: Role) -> (KeyRecord, ApiKey) {
    let key = ApiKey::random();
    let record = KeyRecord {
        key_hash: key.hash(),
        key_id: KeyId::random(),
        name: name.to_owned(),
        role,
        created_at: Time::now(),
        revoked_at: None,
    };
    (record, key)
}

/// A key as admins see it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct KeyView {
    /// The key's id.
    pub key_id: String,
    /// Its name.
    pub name: String,
    /// Its role.
    pub role: &'static str,
    /// When it was made.
    pub created_at: Time,
    /// Whether it is revoked.
    pub revoked: bool,
}

/// The answer of `bouncer_key_list`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct KeyList {
    /// Oldest first.
    pub keys: Vec<KeyView>,
    /// How many.
    pub count: usize,
}

/// Lists every key, without secrets.
pub async fn list(app: &App, caller: &Caller, _args: NoArguments) -> Result<KeyList, UserError> {
    require(caller, Role::Admin)?;
    let keys: Vec<KeyView> = app.store.keys().await?.iter().map(view).collect();
    Ok(KeyList { count: keys.len(), keys })
}

/// Arguments of `bouncer_key_revoke`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct RevokeKey {
    /// The key's id, as `bouncer_key_list` shows it.
    pub key_id: String,
}

/// The answer of `bouncer_key_revoke`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RevokedKey {
    /// "ok".
    pub status: &'static str,
    /// The key, revoked.
    pub key: KeyView,
}

/// Revokes a key. The last admin key stays: without one nobody could make another.
pub async fn revoke(app: &App, caller: &Caller, args: RevokeKey) -> Result<RevokedKey, UserError> {
    require(caller, Role::Admin)?;
    let keys = app.store.keys().await?;
    let Some(record) = keys.iter().find(|record| record.key_id.as_str() == args.key_id) else {
        let shown: String = args.key_id.chars().take(80).collect();
        return Err(UserError::not_found(
            format!("There is no key '{shown}'."),
            "List the keys with bouncer_key_list.",
        ));
    };
    let live_admins = keys.iter().filter(|key| key.role == Role::Admin && key.revoked_at.is_none()).count();
    if record.role == Role::Admin && record.revoked_at.is_none() && live_admins == 1 {
        return Err(UserError::validation(
            "This is the last admin key; without it nobody could manage keys.",
            "Create another admin key first.",
        ));
    }
    let mut revoked = record.clone();
    if record.revoked_at.is_none() {
        let now = Time::now();
        app.store.revoke_key(record, now).await?;
        revoked.revoked_at = Some(now);
    }
    Ok(RevokedKey { status: "ok", key: view(&revoked) })
}

fn view(record: &KeyRecord) -> KeyView {
    KeyView {
        key_id: record.key_id.to_string(),
        name: record.name.clone(),
        role: record.role.as_str(),
        created_at: record.created_at,
        revoked: record.revoked_at.is_some(),
    }
}
