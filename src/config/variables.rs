//! Every variable in one table, for reading, for messages and for the documentation.

use super::environment::Environment;

/// A variable of the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What it belongs to.
    pub area: Area,
    /// What it sets.
    pub meaning: &'static str,
    /// The accepted form, as "set it to …" continues.
    pub form: &'static str,
    /// What counts when it is not set; empty for nothing.
    pub default: &'static str,
    /// Whether its value is never shown.
    pub is_secret: bool,
}

/// What variables belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    /// The command line.
    Client,
    /// Every server.
    Server,
    /// Approvals.
    Approvals,
    /// An installation in an AWS account.
    Aws,
    /// Backend deploys.
    Backend,
    /// Telegram.
    Telegram,
}

impl Area {
    /// Returns the heading in the documentation.
    pub fn heading(self) -> &'static str {
        match self {
            Area::Client => "Command line",
            Area::Server => "Server",
            Area::Approvals => "Approvals",
            Area::Aws => "The aws profile",
            Area::Backend => "Backend deploys",
            Area::Telegram => "Telegram",
        }
    }
}

/// A variable that begins with `BOUNCER_` and has no meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownVariable {
    /// Its name.
    pub name: String,
    /// The known variable with the most similar name, if one is close.
    pub near: Option<&'static str>,
}

/// Returns the variables that look like Bouncer's and are not.
pub fn unknown(environment: &Environment) -> Vec<UnknownVariable> {
    let is_known = |name: &str| VARIABLES.iter().any(|variable| variable.name == name);
    let names = environment.names().filter(|name| name.starts_with(PREFIX) && !is_known(name));
    names.map(|name| UnknownVariable { name: name.to_owned(), near: near(name) }).collect()
}

/// The start of every name.
const PREFIX: &str = "BOUNCER_";
/// How many letters a mistyped name may differ by.
const TYPOS: usize = 3;

fn near(name: &str) -> Option<&'static str> {
    let candidates = VARIABLES.iter().filter_map(|variable| {
        let known = variable.name.strip_prefix(PREFIX)?;
        let distance = edits(name.strip_prefix(PREFIX)?, known);
        (distance <= TYPOS.min(known.len() / 2)).then_some((distance, variable.name))
    });
    candidates.min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// How many letters to insert, delete, replace or swap with the next: the optimal string alignment distance.
fn edits(from: &str, to: &str) -> usize {
    let (from, to) = (from.as_bytes(), to.as_bytes());
    let mut rows: Vec<Vec<usize>> = vec![(0..=to.len()).collect()];
    for (i, a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let replaced = rows[i][j] + usize::from(a != b);
            let mut least = replaced.min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && from[i - 1] == *b && to[j - 1] == *a {
                least = least.min(rows[i - 1][j - 1] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[from.len()][to.len()]
}

macro_rules! variables {
    ($($area:ident { $($id:ident $name:literal: $meaning:literal, $form:literal, $default:literal $($secret:ident)?;)* })*) => {
        $($(
            pub(super) const $id: Variable = Variable {
                name: $name,
                area: Area::$area,
                meaning: $meaning,
                form: $form,
                default: $default,
                is_secret: variables!(@ $($secret)?),
            };
        )*)*

        /// Every variable, area by area.
        pub const VARIABLES: &[Variable] = &[$($($id,)*)*];
    };
    (@ secret) => { true };
    (@) => { false };
}

variables! {
    Client {
        URL "BOUNCER_URL": "the server that commands call",
            "an address such as http://127.0.0.1:8420", "the server of the data folder";
        KEY "BOUNCER_KEY": "the API key of commands",
            "a key, which starts with bncr_", "the key of the data folder" secret;
        DATA_DIR "BOUNCER_DATA_DIR": "the folder where a local server keeps everything",
            "a path", "`bouncer` in the platform's folder for application data";
        LOG "BOUNCER_LOG": "what is logged to stderr",
            "a level, or directives such as info,bouncer=debug", "`info` for servers";
    }
    Server {
        PROFILE "BOUNCER_PROFILE": "where records, objects and workflows are; `--profile` wins",
            "local or aws", "`local`; in Lambda `aws`";
        ALLOWED_HOSTS "BOUNCER_ALLOWED_HOSTS": "names under which the server is reached besides its own address, like `--allowed-host`",
            "host names without scheme and port, separated by commas; *.example.com covers every name below", "";
        PUBLIC_URL "BOUNCER_PUBLIC_URL": "where approvers reach the page; prompts link to it",
            "an http or https address", "on one machine its own address";
        PREVIEW_DOMAIN "BOUNCER_PREVIEW_DOMAIN": "a domain whose names all lead to this server, for previews",
            "a domain such as bouncer-previews.example.net", "";
        ANSWER_BYTES "BOUNCER_ANSWER_BYTES": "how many bytes of upload addresses one answer may hold",
            "a whole number of bytes from 1 to 1073741824", "33554432 on one machine, 2097152 on AWS";
    }
    Approvals {
        APPROVAL_WINDOW "BOUNCER_APPROVAL_WINDOW": "how long a site's request can be decided; `--approval-window` wins",
            "a whole number of seconds from 1 to 604800", "600";
        BACKEND_WINDOW "BOUNCER_BACKEND_WINDOW": "how long a backend's deploy can be decided",
            "a whole number of seconds from 1 to 604800", "1800";
        INFRASTRUCTURE_WINDOW "BOUNCER_INFRASTRUCTURE_WINDOW": "how long a change of infrastructure within a deploy can be decided",
            "a whole number of seconds from 1 to 604800", "86400";
        ASKS_PER_MINUTE "BOUNCER_ASKS_PER_MINUTE": "how many decisions one caller may ask for in a minute; `--asks-per-minute` wins",
            "a whole number, 0 for no limit", "5";
        PENDING_PER_CALLER "BOUNCER_PENDING_PER_CALLER": "how many requests of one caller may wait for a decision; `--pending-per-caller` wins",
            "a whole number, 0 for no limit", "10";
    }
    Aws {
        STATE_MACHINE_FRONTEND_DEPLOY "BOUNCER_STATE_MACHINE_FRONTEND_DEPLOY": "the state machine of frontend deploys; required",
            "the ARN of a state machine", "";
        STATE_MACHINE_DEPLOY "BOUNCER_STATE_MACHINE_DEPLOY": "the state machine of backend deploys; required",
            "the ARN of a state machine", "";
        STATE_MACHINE_REQUEST "BOUNCER_STATE_MACHINE_REQUEST": "the state machine of requests without one of their own; required",
            "the ARN of a state machine", "";
        ACCOUNT "BOUNCER_ACCOUNT": "the account of the installation",
            "the 12 digits of an account", "the account of the credentials";
        TABLE_PREFIX "BOUNCER_TABLE_PREFIX": "the start of every table's name",
            "1 to 200 characters of A-Z, a-z, 0-9, '_', '.' and '-'", "`bouncer-`";
        STAGING_BUCKET "BOUNCER_STAGING_BUCKET": "the bucket that holds blobs, manifests and uploads",
            "the name of a bucket", "`bouncer-uploads-ACCOUNT`";
        EXTERNAL_ID "BOUNCER_EXTERNAL_ID": "what Bouncer presents when it assumes a project's role",
            "2 to 1224 characters of A-Z, a-z, 0-9 and +=,.@:/_-", "";
        BOOTSTRAP_SECRET_ARN "BOUNCER_BOOTSTRAP_SECRET_ARN": "the secret with the first admin key",
            "the ARN of a secret", "";
    }
    Backend {
        BUILD_PROJECT "BOUNCER_BUILD_PROJECT": "the CodeBuild project that packages commits; together with the next it turns backend deploys on",
            "the name of a CodeBuild project", "";
        ARTIFACTS_BUCKET "BOUNCER_ARTIFACTS_BUCKET": "the bucket that holds the packages",
            "the name of a bucket", "";
        GITHUB_API_URL "BOUNCER_GITHUB_API_URL": "GitHub's API when all repositories are on one server",
            "an http or https address", "the API of each repository's host";
        GITHUB_SECRET "BOUNCER_GITHUB_SECRET": "the secret that holds the GitHub token",
            "the name or the ARN of a secret", "`sam-deployer/github-pat`";
        POLL_SECONDS "BOUNCER_POLL_SECONDS": "how often a build, a change set or a stack is looked at, at first",
            "a whole number of seconds from 1 to 3600", "5";
    }
    Telegram {
        TELEGRAM_TOKEN "BOUNCER_TELEGRAM_TOKEN": "the bot's token",
            "a token such as 123456:ABC-…, which @BotFather shows", "" secret;
        TELEGRAM_SECRET_ARN "BOUNCER_TELEGRAM_SECRET_ARN": "instead of the token: a secret with `token` and `webhook_secret`",
            "the ARN of a secret", "";
        TELEGRAM_APPROVERS "BOUNCER_TELEGRAM_APPROVERS": "who decides; `ID=KEY_ID` names the key of the same person",
            "numbers of users separated by commas, such as 123456 or 123456=key-0123456789ab", "";
        TELEGRAM_CHATS "BOUNCER_TELEGRAM_CHATS": "the chats that are asked",
            "numbers of chats separated by commas, such as 123456 or -1001234567890", "each approver's private chat";
        TELEGRAM_MODE "BOUNCER_TELEGRAM_MODE": "whether Telegram calls or is polled",
            "webhook (Telegram calls) or polling (the server asks)", "`polling` on one machine, `webhook` on AWS";
        TELEGRAM_WEBHOOK_SECRET "BOUNCER_TELEGRAM_WEBHOOK_SECRET": "what Telegram presents with every call",
            "16 to 256 characters of A-Z, a-z, 0-9, '_' and '-'", "" secret;
        TELEGRAM_API_URL "BOUNCER_TELEGRAM_API_URL": "another Bot API server than Telegram's",
            "an http or https address", "`https://api.telegram.org`";
        LANG "BOUNCER_LANG": "the language of the messages, progress included",
            "one of en and zh-TW", "`en`";
    }
}
