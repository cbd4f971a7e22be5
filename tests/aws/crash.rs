//! Functions that die at work.

use std::time::Duration;

use super::installation::{Installation, TASK_FUNCTION};
use crate::support::{Site, kill, wait_until};

#[tokio::test(flavor = "multi_thread")]
async fn a_publish_whose_function_is_killed_is_finished_by_the_state_machine() {
    let installation = Installation::new().await;
    let target = installation.add_project("shop").await;
    let site = Site::new(131, 9, 180);

    let id = installation.begin(&target, &site).await;
    let written = wait_until("some files, and not all, to be written", Duration::from_secs(20), async || {
        let written = installation.keys_of(&target.bucket).await.len();
        (written > 0).then_some(written)
    })
    .await;
    let processes = installation.ministack.processes_of(TASK_FUNCTION);
    assert!(!processes.is_empty(), "the function runs");
    processes.iter().copied().for_each(kill);
    assert!(written < site.files().len(), "the site was written too fast to be caught at it");

    let ended = installation.server.ended(&id).await;
    assert_eq!(ended["status"], "completed", "{ended:#}");
    assert_eq!(ended["result"]["deploy_status"], "deployed", "{ended:#}");
    installation.assert_published(&target.bucket, &site).await;
    assert!(installation.ministack.log().contains("Runtime exited before returning a response"));
    assert!(installation.ministack.processes_of(TASK_FUNCTION).iter().all(|process| !processes.contains(process)));
    let execution = installation.execution(&id).await;
    assert_eq!(execution["status"], "SUCCEEDED", "{execution:#}");
    assert_eq!(installation.invalidations(&target.distribution).await.len(), 1);
}
