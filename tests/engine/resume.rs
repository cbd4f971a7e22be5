//! An execution that is killed between any two events, and carried on from what was stored, goes the same way.

use super::equivalence::cases;
use super::script::Script;
use super::simulator::{Crash, Simulator, without_chance};
use proptest::prelude::*;
use serde_json::{Value, json};

proptest! {
    #[test]
    fn crashes_change_nothing(
        case in any::<proptest::sample::Index>(),
        crashes in proptest::collection::vec(
            prop_oneof![3 => Just(None), 1 => Just(Some(Crash::BeforeStore)), 1 => Just(Some(Crash::AfterStore))], 0..60),
    ) {
        let cases = cases();
        let case = case.get(&cases);
        let run = || Simulator::new(&case.definition, case.input.clone(), case.script.clone());
        let undisturbed = without_chance(run().run());
        let disturbed = without_chance(run().run_with(|step| crashes.get(step).copied().flatten()));
        prop_assert_eq!(undisturbed, disturbed);
    }

    /// The same for deploys with tasks that fail at random.
    #[test]
    fn crashes_change_nothing_of_a_deploy(
        publish in proptest::collection::vec(prop_oneof![
            Just(json!({ "return": { "outcome": "again", "cursor": 1 } })),
            Just(json!({ "raise": { "error": "Bouncer.Unavailable", "cause": "c" } })),
            Just(json!({ "raise": { "error": "Bouncer.ProjectBusy", "cause": "c" } })),
            Just(json!({ "raise": { "error": "Bouncer.Broken", "cause": "c" } })),
            Just(json!("never")),
        ], 0..12),
        decision in prop_oneof![
            Just(json!({ "complete": { "outcome": "approved" } })), Just(json!({ "complete": { "outcome": "denied" } })), Just(json!("never")),
        ],
        crashes in proptest::collection::vec(proptest::option::of(prop_oneof![Just(Crash::BeforeStore), Just(Crash::AfterStore)]), 0..80),
    ) {
        let mut outcomes = publish;
        outcomes.push(json!({ "return": { "outcome": "deployed", "cursor": null } }));
        let script = json!({
            "request.ask": [decision],
            "request.remind": [{ "return": { "outcome": "again", "window_seconds": 60 } }, { "return": { "outcome": "over", "window_seconds": 0 } }],
            "request.expire": [{ "return": { "outcome": "expired" } }],
            "frontend.publish": outcomes,
        });
        let text = bouncer::kinds::site::MACHINE.definition;
        let input: Value = json!({ "request_id": "req-1", "window_seconds": 60 });
        let run = || Simulator::new(text, input.clone(), Script::parse(script.clone()));
        let undisturbed = without_chance(run().run());
        let disturbed = without_chance(run().run_with(|step| crashes.get(step).copied().flatten()));
        prop_assert_eq!(undisturbed, disturbed);
    }
}
