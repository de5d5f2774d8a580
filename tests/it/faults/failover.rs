//! The primary is lost for good, and a standby takes its place.

use std::cell::RefCell;

use super::{Expected, Scene};
use crate::support::{cluster::Cluster, rows::Rows};

/// The statements that make a primary acknowledge only what is on the standby as well.
const SYNCHRONOUS: [&str; 2] = [
    "ALTER SYSTEM SET synchronous_standby_names = '*'",
    "SELECT pg_reload_conf()",
];

/// A primary, its synchronous standby, and a connection to the primary; `None` without PostgreSQL.
async fn replicated() -> Option<(Cluster, Cluster, Rows)> {
    let mut primary = Cluster::create()?;
    primary.start(&["synchronous_commit=remote_apply"]);
    let mut standby = Cluster::copy(&primary);
    standby.start(&[]);
    let rows = Rows::of(&primary.database()).await;
    for statement in SYNCHRONOUS {
        rows.query(statement).await;
    }
    let synchronous = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
    rows.until(synchronous, |count| count == 1).await;
    Some((primary, standby, rows))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_that_takes_over_has_everything_that_was_acknowledged() {
    let Some((primary, standby, rows)) = replicated().await else {
        return;
    };
    rows.close().await;

    let (mut scene, proxy) = Scene::open(primary.database()).await;
    let (primary, standby) = (RefCell::new(primary), RefCell::new(standby));
    let lose = async |scene: &mut Scene| {
        primary.borrow_mut().crash();
        // The address leads to the standby before it may be written to.
        proxy.lead_to(standby.borrow().address());
        scene.database = standby.borrow().database();
    };
    let promote = async |_: &mut Scene| standby.borrow_mut().promote();
    let fault = "the primary is lost, a standby is promoted";
    scene.fault(fault, Expected::Away, lose, promote).await;
    scene.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_may_no_longer_be_written_to_is_left() {
    let Some((primary, standby, rows)) = replicated().await else {
        return;
    };

    let (mut scene, proxy) = Scene::open(primary.database()).await;
    let standby = RefCell::new(standby);
    // Its connections stay, and what is read there is old from now on.
    let demote = async |scene: &mut Scene| {
        rows.query("ALTER SYSTEM SET default_transaction_read_only = on")
            .await;
        rows.query("SELECT pg_reload_conf()").await;
        scene.database = standby.borrow().database();
    };
    let switch = async |_: &mut Scene| {
        let replayed =
            "SELECT count(*) FROM pg_stat_replication WHERE replay_lsn = pg_current_wal_lsn()";
        rows.until(replayed, |count| count == 1).await;
        standby.borrow_mut().promote();
        proxy.lead_to(standby.borrow().address());
    };
    let fault = "the primary is demoted, its connections stay";
    scene.fault(fault, Expected::Away, demote, switch).await;
    scene.finish();
}
