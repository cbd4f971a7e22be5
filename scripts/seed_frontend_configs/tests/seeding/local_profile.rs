//! The local profile: the tables of a running server, found through its data folder.

use super::support::{Finished, LOOPBACK, program, run};
use bouncer::aws;
use bouncer::domain::ids::ProjectId;
use bouncer::server::local as server;
use bouncer::server::local::{ServeOptions, ServerFile};
use bouncer::storage::Store;
use embedded_aws::StorageCredentials;
use std::net::SocketAddr;
use std::path::Path;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

async fn seed(folder: &Path, arguments: &[&str]) -> Finished {
    let mut command = program(folder);
    command.args(["--data-dir", "data", "--file", "configs.toml"]).args(arguments);
    run(command).await
}

fn storage(data_dir: &Path) -> (Store, aws::objects::Objects) {
    let server = ServerFile::load(data_dir).expect("server.json is there");
    let credentials = StorageCredentials::load(data_dir).unwrap().expect("storage.json is there");
    let endpoints = aws::Endpoints {
        records: server.records_url,
        objects: server.objects_url,
        access_key_id: credentials.access_key_id,
        secret_access_key: credentials.secret_access_key,
    };
    let aws::Storage { records, objects, .. } = aws::local(&endpoints);
    let store = bouncer::storage::Store::new(records, "bouncer-");
    (store, objects)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_server_is_found_and_its_buckets_are_made() {
    let folder = TempDir::with_prefix("seed-test-").unwrap();
    let data_dir = folder.path().join("data");
    let file = "[projects.shop]\nname = \"Shop\"\nfrontend_bucket = \"shop-site\"\n";
    std::fs::write(folder.path().join("configs.toml"), file).unwrap();

    let nobody = seed(folder.path(), &[]).await.ends_with(1);
    assert!(nobody.stderr.contains("No server is running on the data folder data"), "{nobody:#?}");
    assert!(nobody.stderr.contains("bouncer serve"), "{nobody:#?}");

    let (stop, (ready, started)) = (CancellationToken::new(), oneshot::channel());
    let options = ServeOptions {
        data_dir: data_dir.clone(),
        listen: SocketAddr::new(LOOPBACK, 0),
        config: bouncer::config::Config::default(),
    };
    let serving = tokio::spawn(server::serve(options, stop.clone(), ready));
    started.await.expect("the server starts");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(ServerFile::path(&data_dir)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "server.json is its owner's alone");
    }

    let (store, objects) = storage(&data_dir);
    let id = ProjectId::parse("shop").unwrap();
    let dry = seed(folder.path(), &["--dry-run"]).await.ends_with(0);
    assert!(dry.stdout.starts_with("+ shop\n"), "{dry:#?}");
    assert_eq!(store.project(&id).await.unwrap(), None);
    assert!(!objects.has_bucket("shop-site").await.unwrap());

    seed(folder.path(), &[]).await.ends_with(0);
    let project = store.project(&id).await.unwrap().expect("the project is there");
    assert_eq!(project.display_name(), "Shop");
    assert_eq!(project.frontend.expect("it has a frontend").bucket, "shop-site");
    assert!(objects.has_bucket("shop-site").await.unwrap());
    seed(folder.path(), &["--check"]).await.ends_with(0);

    stop.cancel();
    serving.await.unwrap().unwrap();
    seed(folder.path(), &["--check"]).await.ends_with(1);
}
