//! PostgreSQL itself stops: killed in the midst of its work, or frozen.

use std::cell::RefCell;

use super::{Expected, Scene, rounds};
use crate::support::cluster::Cluster;

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_is_killed_or_frozen_loses_nothing() {
    let Some(mut cluster) = Cluster::create() else {
        return;
    };
    cluster.start(&[]);
    let (mut scene, _proxy) = Scene::open(cluster.database()).await;
    let cluster = RefCell::new(cluster);
    let nothing = async |_: &mut Scene| ();
    let crash = async |_: &mut Scene| cluster.borrow_mut().crash();
    let start = async |_: &mut Scene| cluster.borrow_mut().start(&[]);
    let restart = async |_: &mut Scene| {
        cluster.borrow_mut().crash();
        cluster.borrow_mut().start(&[]);
    };
    let freeze = async |_: &mut Scene| cluster.borrow_mut().freeze();
    let thaw = async |_: &mut Scene| cluster.borrow_mut().thaw();

    for _ in 0..rounds() {
        let fault = "PostgreSQL is killed, and stays away";
        scene.fault(fault, Expected::Away, crash, start).await;
        let fault = "PostgreSQL is killed, and started at once";
        scene.fault(fault, Expected::Hiccup, restart, nothing).await;
        let fault = "PostgreSQL is frozen";
        scene.fault(fault, Expected::Away, freeze, thaw).await;
    }
    scene.finish();
}
