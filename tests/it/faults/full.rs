//! The disk is full: reads work, and changes are refused until there is room again.

use std::{cell::RefCell, io::Write as _};

use super::{Expected, Scene, rounds};
use crate::support::{
    cluster::Cluster,
    databases::{Backend, TestDatabase},
    process::Process,
    rows::Rows,
};

/// Less than what SQLite's log has grown to by then, in bytes.
const LIMIT: &str = "65536";

/// The limit is one on the size of files, which everyone may set for themselves, and which SQLite is
/// told of as of a disk that is full: its write fails.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_under_sqlite_loses_nothing() {
    let Some(database) = TestDatabase::create(Backend::Sqlite).await else {
        return;
    };
    let process = Process::start_limitable(&database).await;
    let mut scene = Scene::with(database, process.address(), process.client().await).await;
    let fill = async |_: &mut Scene| process.limit_files(LIMIT);
    let clear = async |_: &mut Scene| process.limit_files("unlimited");
    for _ in 0..rounds() {
        let fault = "no room for SQLite's files to grow";
        scene.fault(fault, Expected::Full, fill, clear).await;
    }
    scene.finish();
}

/// The tables are on a file system that is really full. PostgreSQL's log is not: without room for that
/// it stops as if it had been killed.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_under_postgres_loses_nothing() {
    let Some(mut cluster) = Cluster::create_with_little_room() else {
        let _ = std::io::stderr().write_all(
            b"a full disk under PostgreSQL: skipped (it takes PostgreSQL, and a system that lets \
              users have file systems of their own, see unshare(1))\n",
        );
        return;
    };
    cluster.start(&[]);
    let rows = Rows::of(&cluster.database()).await;
    let place = cluster.little_room();
    rows.run(&format!(
        "CREATE TABLESPACE little LOCATION '{}'",
        place.display()
    ))
    .await;
    rows.run("CREATE DATABASE conversations TABLESPACE little")
        .await;
    rows.close().await;
    let url = format!("postgres://postgres@{}/conversations", cluster.address());
    let (mut scene, _proxy) = Scene::open(TestDatabase::on_own_postgres(url)).await;
    let cluster = RefCell::new(cluster);
    let fill = async |_: &mut Scene| cluster.borrow_mut().fill();
    let clear = async |_: &mut Scene| cluster.borrow_mut().clear();
    for _ in 0..rounds() {
        let fault = "no room for PostgreSQL's tables to grow";
        scene.fault(fault, Expected::Full, fill, clear).await;
    }
    scene.finish();
}
