//! What a document makes a browser load, and where it leads.

use reqwest::Url;

/// A reference in a document, resolved.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reference {
    /// Loaded with the document; without it the page is broken.
    Part(String),
    /// Loaded when somebody uses the page: an `import()`.
    Lazy(String),
    /// Another page or file, followed by a click.
    Link(String),
}

/// What a document refers to on its own site. `path` is that of its address, as are those of the references.
pub fn references(path: &str, content_type: &str, text: &str) -> Vec<Reference> {
    let found = match content_type.split(';').next().unwrap_or_default() {
        "text/html" => in_page(text),
        "text/css" => in_style(text).into_iter().map(Reference::Part).collect(),
        "text/javascript" => in_script(text),
        _ => vec![],
    };
    let base = Url::parse("http://site.test/").and_then(|root| root.join(path)).expect("a path is an address");
    let resolved = |reference: Reference| {
        Some(match reference {
            Reference::Part(to) => Reference::Part(resolve(&base, &to)?),
            Reference::Lazy(to) => Reference::Lazy(resolve(&base, &to)?),
            Reference::Link(to) => Reference::Link(resolve(&base, &to)?),
        })
    };
    found.into_iter().filter_map(resolved).collect()
}

/// The path of an address of this site; `None` for another site's, and for a place in the same document.
fn resolve(base: &Url, to: &str) -> Option<String> {
    let url = base.join(to).unwrap_or_else(|error| panic!("{to:?} is no address: {error}"));
    (url.origin() == base.origin() && !to.starts_with('#')).then(|| url.path().to_owned())
}

fn in_page(text: &str) -> Vec<Reference> {
    let mut found = Vec::new();
    for tag in text.split('<').skip(1) {
        let element = tag.split(|c: char| c.is_whitespace() || c == '>').next().unwrap_or_default();
        for (attribute, value) in attributes(tag) {
            match (element, attribute) {
                ("a", "href") => found.push(Reference::Link(value.to_owned())),
                (_, "href" | "src") => found.push(Reference::Part(value.to_owned())),
                (_, "srcset") => {
                    let candidates = value.split(',').filter_map(|candidate| candidate.split_whitespace().next());
                    found.extend(candidates.map(|to| Reference::Part(to.to_owned())));
                }
                _ => {}
            }
        }
    }
    found
}

/// The attributes of a tag whose `<` is gone, their values with or without quotes.
fn attributes(tag: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = tag;
    while let Some((before, after)) = rest.split_once('=') {
        // What ends the tag ends its attributes; a quoted value is never in `before`.
        if before.contains('>') {
            break;
        }
        let name = before.rsplit(char::is_whitespace).next().unwrap_or_default();
        let (value, left) = match after.chars().next() {
            Some(quote @ ('"' | '\'')) => after[1..].split_once(quote).unwrap_or((&after[1..], "")),
            _ => after.split_at(after.find(|c: char| c.is_whitespace() || c == '>').unwrap_or(after.len())),
        };
        found.push((name, value));
        rest = left;
    }
    found
}

fn in_style(text: &str) -> Vec<String> {
    let imports = text.split("@import").skip(1).filter_map(quoted);
    let urls = text.split("url(").skip(1).filter_map(|rest| rest.split_once(')'));
    let urls = urls.map(|(url, _)| url.trim_matches(['"', '\'', ' ']).to_owned());
    imports.chain(urls).collect()
}

fn in_script(text: &str) -> Vec<Reference> {
    let imports = text.split("import").skip(1);
    imports
        .filter_map(|rest| {
            let to = quoted(rest)?;
            Some(if rest.trim_start().starts_with('(') { Reference::Lazy(to) } else { Reference::Part(to) })
        })
        .collect()
}

/// The first text in quotes.
fn quoted(text: &str) -> Option<String> {
    let start = text.find(['"', '\''])?;
    let quote = &text[start..=start];
    let (inside, _) = text[start + 1..].split_once(quote)?;
    Some(inside.to_owned())
}

#[test]
fn a_browser_finds_these() {
    use Reference::{Lazy, Link, Part};
    let page = "<link rel=icon href='../a.svg'><img src=b.png srcset=\"b.png 1x, /c.webp 2x\"><a href=\"x%20y.html\">a=b</a>\
                <a href=#top>up</a><a href=https://example.com/>out</a><script type=module src=./d.js></script>";
    let paths = |of: &[&str]| of.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>();
    let found = references("/docs/e.html", "text/html; charset=utf-8", page);
    let parts = paths(&["/a.svg", "/docs/b.png", "/docs/b.png", "/c.webp", "/docs/d.js"]).into_iter().map(Part);
    let (links, others): (Vec<_>, Vec<_>) = found.into_iter().partition(|it| matches!(it, Link(_)));
    assert_eq!(others, parts.collect::<Vec<_>>());
    assert_eq!(links, [Link("/docs/x%20y.html".into())]);

    let style = "@import \"./base.css\"; @font-face { src: url(fonts/t.woff2) } body { background: url('../p.png') }";
    let found = references("/assets/main.css", "text/css; charset=utf-8", style);
    let parts = paths(&["/assets/base.css", "/assets/fonts/t.woff2", "/p.png"]).into_iter().map(Part);
    assert_eq!(found, parts.collect::<Vec<_>>());

    let script = "import x from \"./x.js\";\nexport const go = () => import('./y.js');\n";
    let found = references("/assets/app.js", "text/javascript; charset=utf-8", script);
    assert_eq!(found, [Part("/assets/x.js".into()), Lazy("/assets/y.js".into())]);
}
