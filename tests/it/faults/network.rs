//! The network between the service and PostgreSQL fails in every way that TCP knows.

use std::time::Duration;

use super::{Expected, Scene, rounds};
use crate::support::{
    databases::{Backend, TestDatabase},
    proxy::{Line, Way},
};

/// How much later bytes arrive, each way, on a slow network.
const DELAY: Duration = Duration::from_millis(20);

async fn through(lines: &[(&str, Line, Expected)]) {
    let Some(database) = TestDatabase::create(Backend::Postgres).await else {
        return;
    };
    let (mut scene, proxy) = Scene::open(database).await;
    for _ in 0..rounds() {
        for (fault, line, expected) in lines {
            let breaks = async |_: &mut Scene| proxy.set(*line);
            let mends = async |_: &mut Scene| proxy.mend();
            scene.fault(*fault, *expected, breaks, mends).await;
        }
    }
    scene.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_is_cut_or_slow_loses_nothing() {
    through(&[
        (
            "every byte takes 20 ms longer",
            Line::Slow(DELAY),
            Expected::Nothing,
        ),
        ("connections are cut", Line::Cut, Expected::Away),
        (
            "half closed towards the service",
            Line::HalfClosed(Way::ToClient),
            Expected::Away,
        ),
        (
            "half closed towards PostgreSQL",
            Line::HalfClosed(Way::ToServer),
            Expected::Away,
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_swallows_bytes_loses_nothing() {
    through(&[
        (
            "no bytes arrive, neither way",
            Line::Hole(Way::Both),
            Expected::Away,
        ),
        (
            "no bytes arrive at PostgreSQL",
            Line::Hole(Way::ToServer),
            Expected::Away,
        ),
        (
            "no bytes arrive at the service",
            Line::Hole(Way::ToClient),
            Expected::Away,
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_cut_for_a_moment_are_made_anew() {
    let Some(database) = TestDatabase::create(Backend::Postgres).await else {
        return;
    };
    let (mut scene, proxy) = Scene::open(database).await;
    for _ in 0..rounds() {
        let breaks = async |_: &mut Scene| proxy.cut_all().await;
        let mends = async |_: &mut Scene| proxy.mend();
        scene
            .fault("cut for a moment", Expected::Hiccup, breaks, mends)
            .await;
    }
    scene.finish();
}
