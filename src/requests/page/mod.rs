//! Looking at a request before deciding: what it is, where it stands, and the whole of what it would change.

mod deploy;
mod standing;

pub use deploy::{DeployPage, deploy, deploy_and_question};
pub use standing::{Standing, context_of, risks, standing, standing_of};

use super::app::App;
use super::approval::find;
use super::documents::blob_key;
use super::prompts::{Sites, in_one_line, prompt_between, prompt_of};
use crate::analysis::text_diff::{Difference, compare};
use crate::aws::error::AwsError;
use crate::domain::caller::{Caller, Role};
use crate::domain::error::UserError;
use crate::domain::ids::{ProjectId, RequestId};
use crate::domain::prompt::{Content, Prompt};
use crate::domain::request::Request;
use crate::domain::site::manifest::{Entry, Manifest};
use crate::domain::time::Time;

/// Files of one page of a list.
pub const FILES_A_PAGE: usize = 200;
/// Changed texts whose lines are compared.
const TEXTS: usize = 20;
/// The largest text whose lines are compared, in bytes.
const TEXT_BYTES: u64 = 256 << 10;

/// A request as a person looks at it.
pub struct RequestPage {
    /// Its parts.
    pub prompt: Prompt,
    /// Where it stands.
    pub standing: Standing,
    /// Of a site: what would change.
    pub site: Option<SiteLook>,
}

/// What a site's deploy would change.
pub struct SiteLook {
    /// One page of the files that differ: those that go, those that change, those that come.
    pub files: Vec<FileDiffers>,
    /// How many differ.
    pub total: usize,
    /// The page's number, from 1.
    pub page: usize,
    /// How many pages there are.
    pub pages: usize,
    /// Texts whose lines were compared.
    pub texts: Vec<TextDiffers>,
    /// Changed texts that were not: too large, or too many.
    pub texts_left_out: usize,
}

/// A file that differs between the live and the asked-for site. One of both is there.
#[derive(Debug, Clone)]
pub struct FileDiffers {
    /// As it is live.
    pub before: Option<Entry>,
    /// As it would be.
    pub after: Option<Entry>,
}

/// A text that differs.
pub struct TextDiffers {
    /// Its path.
    pub path: String,
    /// Its lines.
    pub difference: Difference,
}

/// A request with all that a page about it shows. The first page of files also has the texts.
pub async fn request_page(app: &App, caller: &Caller, id: &str, page: usize) -> Result<RequestPage, UserError> {
    let request = find(app, caller, id).await?;
    let (mut prompt, site) = match request.frontend_plan() {
        Some(plan) => match Sites::of(app, plan).await {
            Ok(sites) => {
                let prompt = prompt_between(app, &request, plan, &sites);
                (prompt, Some(site_look(app, &plan.project, &sites, page).await?))
            }
            // Releases are kept for a while; what was decided then is still told.
            Err(error) if error.is_not_found() => (in_one_line(app, &request), None),
            Err(error) => return Err(error.into()),
        },
        None => (prompt_of(app, &request).await?, None),
    };
    if caller.role < Role::Approver
        && let Content::Backend(backend) = &mut prompt.content
    {
        backend.review.hide_parameters();
    }
    let context = context_of(app, &request).await?;
    Ok(RequestPage { prompt, standing: standing(request, &context, caller, Time::now()), site })
}

/// A request that this caller may see, for those who look again and again.
pub async fn visible(app: &App, caller: &Caller, id: &str) -> Result<Request, UserError> {
    find(app, caller, id).await
}

/// The request of an id, whoever may see it.
pub async fn request(app: &App, id: &RequestId) -> Result<Option<Request>, UserError> {
    Ok(app.store.request(id).await?)
}

async fn site_look(app: &App, project: &ProjectId, sites: &Sites, page: usize) -> Result<SiteLook, UserError> {
    let all = differing(&sites.before, &sites.after);
    let total = all.len();
    let pages = total.div_ceil(FILES_A_PAGE).max(1);
    let page = page.clamp(1, pages);
    let changed: Vec<&FileDiffers> = all.iter().filter(|file| file.is_changed_text()).collect();
    let fit: Vec<FileDiffers> = changed.iter().filter(|file| file.is_small()).take(TEXTS).map(|&f| f.clone()).collect();
    let texts_left_out = changed.len() - fit.len();
    let texts = if page == 1 { compare_texts(app, project, fit).await? } else { vec![] };
    let files = all.into_iter().skip((page - 1) * FILES_A_PAGE).take(FILES_A_PAGE).collect();
    Ok(SiteLook { files, total, page, pages, texts, texts_left_out })
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

impl FileDiffers {
    /// Its path.
    pub fn path(&self) -> &str {
        self.after.as_ref().or(self.before.as_ref()).map_or("", |entry| entry.path.as_str())
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

async fn compare_texts(app: &App, project: &ProjectId, files: Vec<FileDiffers>) -> Result<Vec<TextDiffers>, UserError> {
    let mut texts = Vec::new();
    for file in files {
        let (Some(before), Some(after)) = (&file.before, &file.after) else { continue };
        let (old, new) = tokio::try_join!(text(app, project, before), text(app, project, after))?;
        // Content that is no text after all, or cannot be had, stands in the list of files alone.
        let (Some(old), Some(new)) = (old, new) else { continue };
        let path = file.path().to_owned();
        let compared = tokio::task::spawn_blocking(move || compare(&old, &new)).await;
        if let Ok(difference) = compared {
            texts.push(TextDiffers { path, difference });
        }
    }
    Ok(texts)
}

async fn text(app: &App, project: &ProjectId, entry: &Entry) -> Result<Option<String>, AwsError> {
    let bucket = app.settings.staging_bucket();
    match app.objects.read(&bucket, &blob_key(project, entry.sha256), TEXT_BYTES).await {
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
