//! Objects in a site's bucket that somebody else wrote. They stay as they are, whatever is published around them.

use rand::Rng;
use rand::rngs::StdRng;

use crate::support::{Storage, Stored};

/// What was written, and where.
pub struct Foreign {
    bucket: &'static str,
    objects: Vec<(String, Stored)>,
}

impl Foreign {
    /// Writes objects among those that a site has, and beside them.
    pub async fn plant(storage: &Storage, bucket: &'static str, random: &mut StdRng) -> Self {
        let keys = [
            "CNAME",
            ".well-known/security.txt",
            "assets/app-0123456789.js",
            "assets/img/picture-fedcba9876.png",
            "docs/guide/99.html",
            "docs/foreign.html",
            "old.html",
            "uploads/a b/\u{fc} +%.bin",
            "folder/",
            "\u{fc}ber uns.html.bak",
        ];
        let mut objects = Vec::new();
        for (n, key) in keys.into_iter().enumerate() {
            let bytes: Vec<u8> = (0..n * 37).map(|_| random.random()).collect();
            let (content_type, cache_control) = (format!("application/x-foreign-{n}"), format!("max-age={n}"));
            let object = Stored { bytes, content_type, cache_control };
            storage.put_as(bucket, key, &object).await;
            objects.push((key.to_owned(), object));
        }
        Self { bucket, objects }
    }

    /// Checks one of them.
    pub async fn assert_one(&self, storage: &Storage, random: &mut StdRng) {
        self.check(storage, &self.objects[random.random_range(0..self.objects.len())]).await;
    }

    /// Checks all of them.
    pub async fn assert_all(&self, storage: &Storage) {
        for object in &self.objects {
            self.check(storage, object).await;
        }
    }

    async fn check(&self, storage: &Storage, (key, written): &(String, Stored)) {
        let found = storage.get(self.bucket, key).await;
        assert_eq!(found.as_ref(), Some(written), "{key}, which somebody else wrote, is not as it was");
    }
}
