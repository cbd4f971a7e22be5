//! The names, keys and indexes of the tables. `infra/template.yaml` declares the same ones.

/// A table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// Projects and their current releases. Key `project_id`.
    Projects,
    /// Requests: deploys, changes and uploads. Key `request_id`; index `status-index` by `status`, `created_at`.
    Requests,
    /// Deploys. Key `deploy_id`; index `project-time-index` by `project_id`, `started_at`.
    History,
    /// Leases, locks, quotas and claims; see [`super::coordination`]. Key `project_id`.
    Coordination,
    /// API keys and passes by the hash of their secret. Key `key_hash`.
    Keys,
    /// The audit chain. Key `chain_id`, `sequence`.
    Audit,
    /// Executions of the local engine. Key `name`; index `status-index` by `status`, `started_at`.
    Executions,
}

impl Table {
    /// All tables.
    pub const ALL: [Table; 7] = [
        Table::Projects,
        Table::Requests,
        Table::History,
        Table::Coordination,
        Table::Keys,
        Table::Audit,
        Table::Executions,
    ];

    /// Returns the tables that a profile uses. On AWS there is no local engine.
    pub fn used(with_local_engine: bool) -> impl Iterator<Item = Table> {
        Self::ALL.into_iter().filter(move |table| with_local_engine || *table != Table::Executions)
    }

    /// Returns the name without the prefix.
    pub fn suffix(self) -> &'static str {
        match self {
            Table::Projects => "projects",
            Table::Requests => "requests",
            Table::History => "deploy-history",
            Table::Coordination => "deploy-locks",
            Table::Keys => "keys",
            Table::Audit => "audit",
            Table::Executions => "executions",
        }
    }

    /// Returns the partition key, a string.
    pub fn key(self) -> &'static str {
        match self {
            Table::Projects | Table::Coordination => "project_id",
            Table::Requests => "request_id",
            Table::History => "deploy_id",
            Table::Keys => "key_hash",
            Table::Audit => "chain_id",
            Table::Executions => "name",
        }
    }

    /// Returns the sort key, a number, if there is one.
    pub fn sort_key(self) -> Option<&'static str> {
        (self == Table::Audit).then_some("sequence")
    }

    /// Returns the name, partition key and sort key of the index, if there is one. The keys are strings.
    pub fn index(self) -> Option<(&'static str, &'static str, &'static str)> {
        match self {
            Table::Requests => Some(("status-index", "status", "created_at")),
            Table::History => Some(("project-time-index", "project_id", "started_at")),
            Table::Executions => Some(("status-index", "status", "started_at")),
            Table::Projects | Table::Coordination | Table::Keys | Table::Audit => None,
        }
    }
}
