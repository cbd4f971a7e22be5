//! The plans of work on a site, and the facts that lists and answers show of it.

use crate::domain::digest::Sha256;
use crate::domain::ids::{ProjectId, ReleaseId};
use crate::domain::project::FrontendTarget;
use crate::domain::request::Request;
use crate::domain::sealed::Sealable;
use crate::domain::site::manifest::ChangeCounts;
use serde::{Deserialize, Serialize};

/// The plan of a publish. The manifest is bound by its hash and kept beside the blobs, so a plan stays small.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrontendPlan {
    /// The project.
    pub project: ProjectId,
    /// Bucket, distribution, region and role as they were when the approver was asked.
    pub target: FrontendTarget,
    /// Hash of the canonical manifest.
    pub manifest: Sha256,
    /// The release that the shown changes are against.
    pub base_release: Option<ReleaseId>,
    /// The earlier release whose files these are, when it goes back to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restores: Option<ReleaseId>,
    /// Whether it removes more than half of the site, which its asker has confirmed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mass_delete: bool,
}

impl Sealable for FrontendPlan {
    const TYPE: &'static str = "site_plan";
    const VERSION: u32 = 1;
}

/// What is done for a site without a publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Maintenance {
    /// What a bucket holds becomes the first release.
    Adopt,
    /// Files that no kept release has are removed.
    Prune,
}

/// The plan of maintenance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaintenancePlan {
    /// The project.
    pub project: ProjectId,
    /// Bucket, distribution, region and role as they were when it was asked for.
    pub target: FrontendTarget,
    /// What is done.
    pub maintenance: Maintenance,
    /// The release that visitors get; none before an adoption.
    pub release: Option<ReleaseId>,
    /// Whether it only reports what it would do.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

impl Sealable for MaintenancePlan {
    const TYPE: &'static str = "site_maintenance";
    const VERSION: u32 = 1;
}

/// The facts of work on a site.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteFacts {
    /// The plan's changes in numbers, once there is a plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<ChangeCounts>,
    /// How many files the request is about.
    pub file_count: usize,
    /// Their bytes, as far as known.
    pub total_size: u64,
    /// Hash of the list that upload addresses were issued for, which a confirmation must match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued: Option<Sha256>,
    /// The earlier release that it goes back to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restores: Option<ReleaseId>,
    /// Whether it removes more than half of the site.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mass_delete: bool,
}

impl Sealable for SiteFacts {
    const TYPE: &'static str = "site_facts";
    const VERSION: u32 = 1;
}

/// The mark of a request of whose files visitors may get something: set before the first file is overwritten.
pub(crate) const VISIBLE: &str = "visible";
/// The mark of a request that puts back files of the current release, so that more answers of the CDN became untrue than the
/// manifests tell: set before the first of them is written.
pub(crate) const REPAIRS: &str = "repairs";

/// Returns where a request on a site works, whichever plan it has.
pub(crate) fn target_of(request: &Request) -> Option<FrontendTarget> {
    let of_publish = request.plan_as::<FrontendPlan>().map(|plan| plan.target);
    of_publish.or_else(|| request.plan_as::<MaintenancePlan>().map(|plan| plan.target))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::canonical;
    use crate::domain::sealed::Sealed;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn hash(plan: &FrontendPlan) -> Sha256 {
        Sealed::of(plan).unwrap().hash().unwrap()
    }

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
        ];
        let mut hashes = BTreeSet::new();
        for plan in plans {
            let sealed = Sealed::of(&plan).unwrap();
            let read_back: Sealed = serde_json::from_str(&canonical::to_string(&sealed).unwrap()).unwrap();
            assert_eq!(read_back.open::<MaintenancePlan>(), Some(plan.clone()));
            assert!(hashes.insert(read_back.hash().unwrap().to_string()), "{plan:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2048))]
        #[test]
        fn equal_plans_have_equal_hashes_and_only_they(a in plan(), b in plan()) {
            prop_assert_eq!(a == b, hash(&a) == hash(&b));
        }

        #[test]
        fn a_stored_plan_keeps_its_hash(a in plan()) {
            let read_back: FrontendPlan = serde_json::from_str(&canonical::to_string(&a).unwrap()).unwrap();
            prop_assert_eq!(hash(&a), hash(&read_back));
        }
    }
}
