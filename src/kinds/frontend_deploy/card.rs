//! The card of a publish: where it goes, and file by file what would change.

use super::name::TITLE;
use crate::aws::error::AwsError;
use crate::domain::card::{Card, FactValue, FileChange, FileLine, Files, Section, Served};
use crate::domain::error::UserError;
use crate::domain::ids::ProjectId;
use crate::domain::phrase::Phrase;
use crate::domain::request::Request;
use crate::domain::site::manifest::{Entry, Manifest};
use crate::domain::text_diff::{Difference, compare};
use crate::kinds::site::plan::{FrontendPlan, SiteFacts};
use crate::requests::app::App;
use crate::requests::kind::CardView;
use crate::storage::documents::blob_key;

/// Files that would be written, and files that would be removed, in a card that is not whole.
const WRITTEN_SHOWN: usize = 10;
const REMOVED_SHOWN: usize = 100;
/// Files of one page of a whole card.
const FILES_A_PAGE: usize = 200;
/// Changed texts whose lines are compared.
const TEXTS: usize = 20;
/// The largest text whose lines are compared, in bytes.
const TEXT_BYTES: u64 = 256 << 10;

const BUCKET: Phrase = Phrase::new("Bucket", "儲存桶");
const REGION: Phrase = Phrase::new("Region", "區域");
const DISTRIBUTION: Phrase = Phrase::new("Distribution", "分發");
const ROLE: Phrase = Phrase::new("Role", "角色");
const RESTORES: Phrase = Phrase::new("Goes back to", "還原至");
const ROLL_BACK: Phrase = Phrase::new("Roll the site back", "還原網站");
const NOT_KEPT: Phrase = Phrase::new(
    "The lists of its files are no longer kept; the counts still hold.",
    "檔案清單已不再保留；數量仍然正確。",
);
const NOTES: Phrase = Phrase::new("Notes", "備註");
const NOT_COMPARED: Phrase = Phrase::new(
    "{} changed text files are not compared line by line here, because they are too large or too many.",
    "有 {} 個變更的文字檔因過大或過多而未逐行比對。",
);
/// What to know of a deploy that removes most of a site.
pub(super) const MASS_DELETE: Phrase =
    Phrase::new("This removes more than half of the site's files.", "這會移除網站超過一半的檔案。");

/// A file that differs between the live and the submitted site. One of both is there.
#[derive(Debug, Clone)]
struct FileDiffers {
    before: Option<Entry>,
    after: Option<Entry>,
}

/// Makes the card.
pub(super) async fn card(app: &App, request: &Request, view: CardView) -> Result<Card, UserError> {
    let Some(plan) = request.plan_as::<FrontendPlan>() else { return Ok(Card::titled(TITLE)) };
    let title = if plan.restores.is_some() { ROLL_BACK } else { TITLE };
    let mut card = Card::titled(title)
        .fact(BUCKET, FactValue::Code(plan.target.bucket.clone()))
        .fact(REGION, FactValue::Code(plan.target.region.clone()))
        .fact_if(DISTRIBUTION, plan.target.distribution_id.clone().map(FactValue::Code))
        .fact_if(ROLE, plan.target.deploy_role_arn.clone().map(FactValue::Code))
        .fact_if(RESTORES, plan.restores.as_ref().map(|release| FactValue::Code(release.to_string())));
    if plan.mass_delete {
        card.warning = Some(MASS_DELETE);
        card.risks = vec![MASS_DELETE];
    }
    let facts = request.facts_as::<SiteFacts>().unwrap_or_default();
    match sites(app, &plan).await {
        Ok((before, after)) => with_files(app, card, &plan.project, &facts, (&before, &after), view).await,
        // Releases are kept for a while; what was decided then is still shown in numbers.
        Err(error) if error.is_not_found() => {
            let files = Files { note: Some(NOT_KEPT), ..counts(&facts) };
            Ok(card.section(Section::Files(files)))
        }
        Err(error) => Err(error.into()),
    }
}

async fn sites(app: &App, plan: &FrontendPlan) -> Result<(Manifest, Manifest), AwsError> {
    let after = app.documents.manifest(&plan.project, plan.manifest).await?;
    let before = app.documents.site(&plan.project, plan.base_release.as_ref()).await?;
    Ok((before, after))
}

fn counts(facts: &SiteFacts) -> Files {
    let changes = facts.changes.unwrap_or_default();
    Files {
        added: changes.added as u64,
        changed: changes.changed as u64,
        removed: changes.removed as u64,
        unchanged: changes.unchanged as u64,
        bytes: changes.bytes,
        files: vec![],
        page: 1,
        pages: 1,
        note: None,
    }
}

async fn with_files(
    app: &App,
    mut card: Card,
    project: &ProjectId,
    facts: &SiteFacts,
    (before, after): (&Manifest, &Manifest),
    view: CardView,
) -> Result<Card, UserError> {
    let all = differing(before, after);
    if !view.whole {
        let removed = all.iter().filter(|file| file.after.is_none()).take(REMOVED_SHOWN);
        let written = all.iter().filter(|file| file.after.is_some()).take(WRITTEN_SHOWN);
        let files = removed.chain(written).map(FileDiffers::line).collect();
        return Ok(card.section(Section::Files(Files { files, ..counts(facts) })));
    }
    let pages = all.len().div_ceil(FILES_A_PAGE).max(1);
    let page = view.page.clamp(1, pages);
    let changed: Vec<&FileDiffers> = all.iter().filter(|file| file.is_changed_text()).collect();
    let fit: Vec<FileDiffers> = changed.iter().filter(|file| file.is_small()).take(TEXTS).map(|&f| f.clone()).collect();
    let not_compared = changed.len() - fit.len();
    let files = all.iter().skip((page - 1) * FILES_A_PAGE).take(FILES_A_PAGE).map(FileDiffers::line).collect();
    card = card.section(Section::Files(Files { files, page, pages, ..counts(facts) }));
    if page == 1 {
        for (path, difference) in compare_texts(app, project, fit).await? {
            card = card.section(Section::Diff { path, difference });
        }
        if not_compared > 0 {
            let note = NOT_COMPARED.fill(&[&not_compared.to_string()]);
            card = card.section(Section::Notes { title: NOTES, notes: vec![note] });
        }
    }
    Ok(card)
}

/// Both lists are sorted by path, so one walk over both finds what differs.
fn differing(before: &Manifest, after: &Manifest) -> Vec<FileDiffers> {
    let (mut gone, mut changed, mut new) = (vec![], vec![], vec![]);
    let (mut old, mut fresh) = (before.entries().iter().peekable(), after.entries().iter().peekable());
    loop {
        let order = match (old.peek(), fresh.peek()) {
            (Some(a), Some(b)) => a.path.cmp(&b.path),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (None, None) => break,
        };
        match order {
            std::cmp::Ordering::Less => gone.push(FileDiffers { before: old.next().cloned(), after: None }),
            std::cmp::Ordering::Greater => new.push(FileDiffers { before: None, after: fresh.next().cloned() }),
            std::cmp::Ordering::Equal => {
                let file = FileDiffers { before: old.next().cloned(), after: fresh.next().cloned() };
                if file.before != file.after {
                    changed.push(file);
                }
            }
        }
    }
    // Pages before what they are made of.
    changed.sort_by_key(|file| !file.is_page());
    gone.into_iter().chain(changed).chain(new).collect()
}

fn served(entry: Option<&Entry>) -> Served {
    Served {
        size: entry.map_or(0, |entry| entry.size),
        content_type: entry.map(|entry| entry.content_type.clone()).unwrap_or_default(),
        cache_control: entry.map(|entry| entry.cache_control.clone()).unwrap_or_default(),
    }
}

impl FileDiffers {
    fn path(&self) -> &str {
        self.after.as_ref().or(self.before.as_ref()).map_or("", |entry| entry.path.as_str())
    }

    fn line(&self) -> FileLine {
        let change = match (&self.before, &self.after) {
            (None, _) => FileChange::Added,
            (Some(_), Some(_)) => FileChange::Changed,
            (Some(_), None) => FileChange::Removed,
        };
        let shown = self.after.as_ref().or(self.before.as_ref());
        FileLine {
            path: self.path().to_owned(),
            change,
            served: served(shown),
            before: (change == FileChange::Changed).then(|| served(self.before.as_ref())),
        }
    }

    fn is_page(&self) -> bool {
        self.after.as_ref().is_some_and(|entry| entry.path.is_page())
    }

    fn is_changed_text(&self) -> bool {
        let (Some(before), Some(after)) = (&self.before, &self.after) else { return false };
        before.sha256 != after.sha256 && is_text(&before.content_type) && is_text(&after.content_type)
    }

    fn is_small(&self) -> bool {
        let sizes = [&self.before, &self.after];
        sizes.into_iter().flatten().all(|entry| entry.size <= TEXT_BYTES)
    }
}

fn is_text(content_type: &str) -> bool {
    const OTHERS: [&str; 5] =
        ["application/javascript", "application/json", "application/manifest+json", "application/xml", "image/svg+xml"];
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind.starts_with("text/") || OTHERS.contains(&kind.as_str())
}

async fn compare_texts(
    app: &App,
    project: &ProjectId,
    files: Vec<FileDiffers>,
) -> Result<Vec<(String, Difference)>, UserError> {
    let mut texts = Vec::new();
    for file in files {
        let (Some(before), Some(after)) = (&file.before, &file.after) else { continue };
        let (old, new) = tokio::try_join!(text(app, project, before), text(app, project, after))?;
        // Content that is no text after all, or cannot be had, stands in the list of files alone.
        let (Some(old), Some(new)) = (old, new) else { continue };
        let path = file.path().to_owned();
        let compared = tokio::task::spawn_blocking(move || compare(&old, &new)).await;
        if let Ok(difference) = compared {
            texts.push((path, difference));
        }
    }
    Ok(texts)
}

async fn text(app: &App, project: &ProjectId, entry: &Entry) -> Result<Option<String>, AwsError> {
    match app.objects.read(app.documents.bucket(), &blob_key(project, entry.sha256), TEXT_BYTES).await {
        Ok(bytes) => Ok(String::from_utf8(bytes.to_vec()).ok().filter(|text| !text.contains('\0'))),
        Err(error) if error.is_not_found() || error.is_denied() => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::digest::Sha256;
    use crate::domain::site::paths::SitePath;

    fn entry(path: &str, content: &str) -> Entry {
        Entry {
            path: SitePath::parse(path).unwrap(),
            size: content.len() as u64,
            sha256: Sha256::of(content.as_bytes()),
            content_type: "text/html; charset=utf-8".into(),
            cache_control: "no-cache".into(),
        }
    }

    #[test]
    fn what_goes_stands_first_and_pages_before_the_rest() {
        let before =
            Manifest::new(vec![entry("a.css", "1"), entry("b.html", "1"), entry("gone", "1"), entry("x", "1")]);
        let after = Manifest::new(vec![entry("a.css", "2"), entry("b.html", "2"), entry("new", "1"), entry("x", "1")]);
        let (before, after) = (before.unwrap(), after.unwrap());
        let files = differing(&before, &after);
        let paths: Vec<&str> = files.iter().map(FileDiffers::path).collect();
        assert_eq!(paths, ["gone", "b.html", "a.css", "new"]);
        let counts = after.changes_since(&before);
        assert_eq!(files.len(), counts.added.len() + counts.changed.len() + counts.removed.len());
    }

    #[test]
    fn texts_are_known_by_their_type() {
        for text in ["text/html; charset=utf-8", "Text/CSS", "application/json", "image/svg+xml"] {
            assert!(is_text(text), "{text}");
        }
        for other in ["image/png", "application/octet-stream", "font/woff2", ""] {
            assert!(!is_text(other), "{other}");
        }
    }
}
