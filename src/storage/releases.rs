//! The releases in a project's row: the current one, earlier ones, and those whose publishing has begun.

use super::error::StoreError;
use super::items::text;
use super::projects::{KEY, POINTER, RELEASES, UNSETTLED, pointer_is};
use super::store::Store;
use super::tables::Table;
use crate::domain::ids::{ProjectId, ReleaseId};
use crate::domain::site::release::LiveRelease;
use aws_sdk_dynamodb::types::AttributeValue;
use std::collections::BTreeSet;

impl Store {
    /// Records that publishing of a release begins. Until it is current, the bucket may hold files of it, which a later
    /// deploy must not mistake for those of the current release.
    pub async fn begin_release(&self, id: &ProjectId, release: &ReleaseId) -> Result<(), StoreError> {
        let name = self.table(Table::Projects);
        self.client
            .update_item()
            .table_name(&name)
            .key(KEY, text(id.as_str()))
            .update_expression("ADD #u :release")
            .condition_expression("attribute_exists(project_id)")
            .expression_attribute_names("#u", UNSETTLED)
            .expression_attribute_values(":release", AttributeValue::Ss(vec![release.to_string()]))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| StoreError::of_write(&name, error))
    }

    /// Returns the releases that are not current although the bucket may hold files of them.
    pub async fn unsettled_releases(&self, id: &ProjectId) -> Result<BTreeSet<ReleaseId>, StoreError> {
        let name = self.table(Table::Projects);
        let item = self.get_part(Table::Projects, (KEY, id.as_str()), UNSETTLED, None).await?;
        let Some(AttributeValue::Ss(releases)) = item.and_then(|mut item| item.remove(UNSETTLED)) else {
            return Ok(BTreeSet::new());
        };
        releases
            .into_iter()
            .map(|release| ReleaseId::parse(release).map_err(|error| StoreError::unreadable(&name, error)))
            .collect()
    }

    /// Makes a release current, if `from` still is and the project still has that bucket, and lists it as live. Of the
    /// unsettled releases, removes those whose files the publish has replaced: another one may have begun since.
    pub async fn settle_release(
        &self,
        id: &ProjectId,
        bucket: &str,
        from: Option<&ReleaseId>,
        to: &LiveRelease,
        replaced: &BTreeSet<ReleaseId>,
    ) -> Result<(), StoreError> {
        let name = self.table(Table::Projects);
        let entry = self.encode_value(Table::Projects, to)?;
        let settled = replaced.iter().chain([&to.release_id]).map(ToString::to_string).collect::<BTreeSet<_>>();
        let mut request = self
            .client
            .update_item()
            .table_name(&name)
            .key(KEY, text(id.as_str()))
            .update_expression(
                "SET #pointer = :to, #live = list_append(if_not_exists(#live, :none), :entry) DELETE #u :settled",
            )
            .expression_attribute_names("#pointer", POINTER)
            .expression_attribute_names("#live", RELEASES)
            .expression_attribute_names("#u", UNSETTLED)
            .expression_attribute_values(":to", text(to.release_id.as_str()))
            .expression_attribute_values(":none", AttributeValue::L(vec![]))
            .expression_attribute_values(":entry", AttributeValue::L(vec![entry]))
            .expression_attribute_values(":settled", AttributeValue::Ss(settled.into_iter().collect()))
            .expression_attribute_values(":bucket", text(bucket));
        request = match from {
            Some(from) => request
                .condition_expression("frontend_bucket = :bucket AND #pointer = :from")
                .expression_attribute_values(":from", text(from.as_str())),
            None => request.condition_expression("frontend_bucket = :bucket AND attribute_not_exists(#pointer)"),
        };
        request.send().await.map(|_| ()).map_err(|error| StoreError::of_write(&name, error))
    }

    /// Replaces the list of live releases by those that are kept, if the current one is still the same.
    pub async fn forget_releases(
        &self,
        id: &ProjectId,
        current: &ReleaseId,
        kept: &[LiveRelease],
    ) -> Result<(), StoreError> {
        let value = self.encode_value(Table::Projects, kept)?;
        let changed = [(&RELEASES.to_owned(), Some(&value))];
        self.set(Table::Projects, (KEY, id.as_str()), &changed, pointer_is(Some(current))).await
    }
}
