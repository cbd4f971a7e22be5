//! The plan: exactly what an approver is shown and what is then carried out, bound by one hash.

use super::canonical;
use super::digest::Sha256;
use super::ids::{ProjectId, ReleaseId};
use super::maintenance::MaintenancePlan;
use super::project::FrontendTarget;
use serde::{Deserialize, Serialize};

/// What a request would do, by what is asked. Each kind has a field that no other has, so a stored plan says by itself
/// which one it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Plan {
    /// Publish a site.
    Frontend(FrontendPlan),
    /// Look after a site without a deploy.
    Maintenance(MaintenancePlan),
}

impl Plan {
    /// What binds an approval to this plan.
    pub fn hash(&self) -> Result<Sha256, serde_json::Error> {
        canonical::hash(self)
    }

    /// The plan, if it is a frontend's.
    pub fn frontend(&self) -> Option<&FrontendPlan> {
        match self {
            Plan::Frontend(plan) => Some(plan),
            _ => None,
        }
    }

    /// The plan, if it is a site's maintenance.
    pub fn maintenance(&self) -> Option<&MaintenancePlan> {
        match self {
            Plan::Maintenance(plan) => Some(plan),
            _ => None,
        }
    }
}

/// The plan of a frontend deploy. The manifest is bound by its hash and kept beside the blobs, so a plan stays small.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrontendPlan {
    /// The form of this plan; raised when a field changes its meaning.
    pub version: u32,
    /// The project.
    pub project: ProjectId,
    /// Bucket, distribution, region and role as they were when the approver was asked.
    pub target: FrontendTarget,
    /// The files: the hash of the canonical manifest.
    pub manifest: Sha256,
    /// The release that the shown changes are against.
    pub base_release: Option<ReleaseId>,
    /// The earlier release whose files these are, when it goes back to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restores: Option<ReleaseId>,
    /// Whether it takes away more than half of the site, which whoever asks has said is meant.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mass_delete: bool,
}

impl FrontendPlan {
    /// The version written by this code.
    pub const VERSION: u32 = 1;

    /// What binds an approval to this plan.
    pub fn hash(&self) -> Result<Sha256, serde_json::Error> {
        canonical::hash(self)
    }
}

#[cfg(test)]
mod tests {
    use super::super::maintenance::Maintenance;
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn plan() -> impl Strategy<Value = FrontendPlan> {
        let target = ("[ab]{1,2}", proptest::option::of("[ab]"), "[ab]", proptest::option::of("[ab]")).prop_map(
            |(bucket, distribution_id, region, deploy_role_arn)| FrontendTarget {
                bucket,
                distribution_id,
                region,
                deploy_role_arn,
            },
        );
        let release =
            || proptest::option::of((0u8..2).prop_map(|n| ReleaseId::parse(format!("rel-{n:012x}")).unwrap()));
        ("[ab]", target, 0u8..2, release(), release(), any::<bool>()).prop_map(
            |(project, target, manifest, base_release, restores, mass_delete)| FrontendPlan {
                version: FrontendPlan::VERSION,
                project: ProjectId::parse(project).unwrap(),
                target,
                manifest: Sha256::of(&[manifest]),
                base_release,
                restores,
                mass_delete,
            },
        )
    }

    #[test]
    fn maintenance_is_read_back_as_what_it_is_and_bound_by_its_hash() {
        let target =
            FrontendTarget { bucket: "a".into(), distribution_id: None, region: "b".into(), deploy_role_arn: None };
        let adoption = MaintenancePlan {
            version: MaintenancePlan::VERSION,
            project: ProjectId::parse("shop").unwrap(),
            target,
            maintenance: Maintenance::Adopt,
            release: None,
            dry_run: false,
        };
        let release = Some(ReleaseId::parse("rel-000000000001").unwrap());
        let plans = [
            adoption.clone(),
            MaintenancePlan { dry_run: true, ..adoption.clone() },
            MaintenancePlan { maintenance: Maintenance::Prune, ..adoption.clone() },
            MaintenancePlan { maintenance: Maintenance::Prune, release, ..adoption },
        ]
        .map(Plan::Maintenance);
        let mut hashes = BTreeSet::new();
        for plan in plans {
            let read_back: Plan = serde_json::from_str(&canonical::to_string(&plan).unwrap()).unwrap();
            assert_eq!(read_back, plan);
            assert!(hashes.insert(read_back.hash().unwrap().to_string()), "{plan:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2048))]
        #[test]
        fn equal_plans_have_equal_hashes_and_only_they(a in plan(), b in plan()) {
            prop_assert_eq!(a == b, a.hash().unwrap() == b.hash().unwrap());
        }

        #[test]
        fn a_stored_plan_keeps_its_hash(a in plan()) {
            let read_back: FrontendPlan = serde_json::from_str(&canonical::to_string(&a).unwrap()).unwrap();
            prop_assert_eq!(a.hash().unwrap(), read_back.hash().unwrap());
        }
    }
}
