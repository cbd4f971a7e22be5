//! Sealing: copies what the build left to where no build can write, so that what is compared, shown and approved is what
//! CloudFormation reads later.

use crate::aws::error::AwsErrorKind;
use crate::kinds::stack::task::DeployTask;
use crate::requests::engine::TaskError;
use crate::requests::stack_services::place;
use bytes::Bytes;

/// The name under which the build leaves the packaged template.
const PACKAGED: &str = "packaged.yaml";
/// The largest template that CloudFormation takes, in bytes.
const MAX_TEMPLATE: u64 = 1 << 20;

/// Copies the build's folder, unless that was done. The template comes last: once it is there, everything is.
pub(crate) async fn seal(task: &DeployTask<'_>) -> Result<(), TaskError> {
    let artifacts = &task.backend.artifacts;
    let template = place::template(&task.deploy_id);
    if artifacts.has(&template).await? {
        return Ok(());
    }
    let from = task
        .run
        .artifacts
        .clone()
        .ok_or_else(|| TaskError::refused("The record of the deploy does not say where the build wrote"))?;
    let to = place::sealed(&task.deploy_id);
    let keys = artifacts.list_keys(&format!("{from}/")).await?;
    if !keys.iter().any(|key| *key == format!("{from}/{PACKAGED}")) {
        return Err(TaskError::refused(format!("The build succeeded but left no {PACKAGED}; see its log")));
    }
    let is_template = |key: &str| key.ends_with(".template") || key.ends_with(PACKAGED);
    let (templates, others): (Vec<&String>, Vec<&String>) = keys.iter().partition(|key| is_template(key));
    artifacts.copy_all(others.into_iter().map(|key| (key.clone(), moved(key, &from, &to))).collect()).await?;
    for key in templates {
        let text = rewritten(&read(task, key).await?, &from, &to)?;
        let target = if key.ends_with(PACKAGED) { format!("{to}/{PACKAGED}") } else { moved(key, &from, &to) };
        artifacts.put(&target, text.clone().into()).await?;
    }
    let packaged = read(task, &format!("{to}/{PACKAGED}")).await?;
    Ok(artifacts.put(&template, packaged).await?)
}

async fn read(task: &DeployTask<'_>, key: &str) -> Result<Bytes, TaskError> {
    match task.backend.artifacts.read(key, MAX_TEMPLATE).await {
        Err(error) if error.kind() == AwsErrorKind::TooLarge => Err(TaskError::refused(format!(
            "The packaged template {key} has more than 1 MB, which CloudFormation does not take; \
             split it into nested stacks"
        ))),
        other => Ok(other?),
    }
}

fn moved(key: &str, from: &str, to: &str) -> String {
    key.strip_prefix(from).map_or_else(|| key.to_owned(), |rest| format!("{to}{rest}"))
}

/// Rewrites a template to refer to the sealed copies. The folder's name is random, so nothing else in it reads the same.
fn rewritten(template: &[u8], from: &str, to: &str) -> Result<String, TaskError> {
    let text =
        std::str::from_utf8(template).map_err(|_| TaskError::refused("The packaged template is not UTF-8 text"))?;
    Ok(text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_moves_and_nothing_else() {
        let packaged = b"CodeUri: s3://b/builds/deploy-1-aa/0f\nOther: s3://b/builds/deploy-2-bb/0f\n\
            TemplateURL: https://s3.amazonaws.com/b/builds/deploy-1-aa/1.template\n";
        assert_eq!(
            rewritten(packaged, "builds/deploy-1-aa", "sealed/deploy-1").unwrap(),
            "CodeUri: s3://b/sealed/deploy-1/0f\nOther: s3://b/builds/deploy-2-bb/0f\n\
            TemplateURL: https://s3.amazonaws.com/b/sealed/deploy-1/1.template\n"
        );
        assert_eq!(moved("builds/x/a/b", "builds/x", "sealed/y"), "sealed/y/a/b");
        assert!(rewritten(&[0xff], "a", "b").is_err());
    }
}
