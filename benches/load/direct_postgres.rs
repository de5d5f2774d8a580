//! The floor of the database on PostgreSQL: the service's own statements, run by the bare driver, with
//! as many connections as the service has.

use std::{str::FromStr as _, time::Duration};

use conversation_service::{config::DatabaseConfig, machine};
use sqlx::{
    PgPool, Row as _,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::{captured::Captured, people::Call, support::Outcome};

/// How long what is deleted can be put back, as by default.
const WINDOW: Duration = Duration::from_hours(24);
/// How long its record is kept, as by default.
const RETENTION: Duration = Duration::from_hours(168);

/// As many connections as the service has, which ask for generic plans as its do.
pub async fn pool(url: &str) -> Outcome<PgPool> {
    let options =
        PgConnectOptions::from_str(url)?.options([("plan_cache_mode", "force_generic_plan")]);
    let pool = PgPoolOptions::new()
        .max_connections(DatabaseConfig::default().pool_size)
        .test_before_acquire(false)
        .connect_with(options)
        .await?;
    Ok(pool)
}

#[derive(Clone)]
pub struct DirectPostgres {
    pool: PgPool,
    positions: &'static str,
    take: &'static str,
}

impl DirectPostgres {
    pub async fn connect(url: &str, captured: &Captured) -> Outcome<Self> {
        let [positions, take] = captured.0[..] else {
            return Err(format!("a deletion has other statements: {captured:#?}").into());
        };
        Ok(Self {
            pool: pool(url).await?,
            positions,
            take,
        })
    }

    /// A deletion.
    pub async fn delete(&self, call: &Call) -> Outcome<()> {
        let keys = call.keys.iter().map(|key| key.as_bytes().as_slice());
        let keys: Vec<_> = keys.collect();
        let positions = sqlx::query(self.positions)
            .bind(&keys)
            .bind(&call.canonical_ids);
        let positions = positions.fetch_one(&self.pool).await?;
        let heads: Vec<i64> = serde_json::from_str(positions.try_get("positions")?)?;
        let now = machine::clock().now();
        let until = now.saturating_add(WINDOW).as_micros();
        let take = sqlx::query(self.take)
            .bind(&call.user)
            .bind(&call.request_id)
            .bind(&call.request_digest)
            .bind(None::<String>)
            .bind(2_i16)
            .bind(now.as_micros())
            .bind(0_i16)
            .bind(until)
            .bind(until)
            .bind(1_i16)
            .bind(None::<i64>)
            .bind(&call.texts)
            .bind(None::<String>)
            .bind(None::<String>)
            .bind(now.saturating_add(RETENTION).as_micros())
            .bind(&keys)
            .bind(&heads)
            .bind(&heads)
            .bind(&heads)
            .bind(vec![Some(0_i64); heads.len()]);
        let recorded = take.fetch_one(&self.pool).await?;
        recorded.try_get::<String, _>("results")?;
        Ok(())
    }
}
