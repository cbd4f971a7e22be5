//! Uploads to the staging bucket that need no approval: they publish nothing.

pub mod name;
mod submit;

use crate::domain::card::Card;
use crate::domain::error::UserError;
use crate::domain::kind::KindName;
use crate::domain::phrase::Phrase;
use crate::domain::request::Request;
use crate::requests::app::App;
use crate::requests::kind::{CardView, Execution, Kind, KindLabels};
use crate::requests::tool::Tool;
use crate::tool;
use async_trait::async_trait;
use name::NAME;

/// Hands out upload addresses for the staging bucket.
pub struct Upload;

#[async_trait]
impl Kind for Upload {
    fn name(&self) -> KindName {
        NAME
    }

    fn labels(&self) -> KindLabels {
        KindLabels { title: Phrase::new("Upload files", "上傳檔案"), label: Phrase::new("Upload", "上傳") }
    }

    #[rustfmt::skip]
    fn tools(&self) -> Vec<Tool> {
        vec![
        tool!("bouncer_request_presigned", Agent, submit::RequestUpload => submit::UploadReady,
            |app, cx, args| submit::request(&app, &cx.caller, args, cx.host.as_deref()).await,
            "Gives a URL to PUT one file into the staging bucket, under a dated key. Needs no approval and publishes nothing."),
        tool!("bouncer_request_presigned_batch", Agent, submit::RequestBatch => submit::BatchReady,
            |app, cx, args| submit::request_batch(&app, &cx.caller, args, cx.host.as_deref()).await,
            "Gives URLs to PUT 1 to 50 files into the staging bucket under one batch. Needs no approval and publishes nothing. Confirm with bouncer_confirm_upload."),
        tool!("bouncer_confirm_upload", Agent, submit::ConfirmUpload => submit::BatchArrival,
            |app, cx, args| submit::confirm(&app, &cx.caller, args).await,
            "Tells which files of a batch from bouncer_request_presigned_batch have arrived, with size and sha256, and which are missing."),
        ]
    }

    fn execution(&self, _request: &Request) -> Option<Execution> {
        None
    }

    async fn card(&self, _app: &App, request: &Request, _view: CardView) -> Result<Card, UserError> {
        Ok(Card::titled(Phrase::same(request.summary.clone())))
    }

    fn is_listed(&self) -> bool {
        false
    }
}
