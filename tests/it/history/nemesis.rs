//! The service under test, and what happens to it: replicas are killed, stopped where they are,
//! restarted and cut off, and PostgreSQL is killed.

use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio::{sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;

use super::drawing::PIN_LIMIT;
use crate::{
    clocks::{HOUR, Machine},
    support::{
        client::Client,
        cluster::Cluster,
        databases::{Backend, TestDatabase},
        process::Process,
        proxy::Proxy,
        server::config,
        stage::Assembled,
    },
};

/// How many calls come to an end while something is wrong.
const CALLS_IN_TROUBLE: usize = 12;

/// How long something is wrong at most.
const TROUBLE: Duration = Duration::from_millis(1_500);

/// A process of the service. Callers reach it, and it reaches PostgreSQL, through proxies.
struct Replica {
    /// `None` only while it is being restarted.
    process: Option<Process>,
    callers: Proxy,
    /// Its way to PostgreSQL, and the database at the near end of it.
    line: Option<Proxy>,
    database: TestDatabase,
}

/// All of the service, with its database.
pub(super) struct Service {
    replicas: Vec<Replica>,
    /// PostgreSQL of the test's own, and its settings.
    cluster: Option<(Cluster, Vec<String>)>,
    settings: Vec<String>,
    /// A replica whose wall clock is wrong. Nothing else happens to it, and nobody is told that anything
    /// happens to it.
    wrong: Option<Assembled>,
    troubled: watch::Sender<Vec<bool>>,
}

/// Something that can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    Killed,
    Stopped,
    Restarted,
    CallersCut,
    DatabaseCut,
    DatabaseKilled,
}

impl Service {
    /// Two replicas on PostgreSQL, one process on SQLite.
    pub(super) async fn start(
        database: &TestDatabase,
        cluster: Option<(Cluster, Vec<String>)>,
        settings: &[&str],
    ) -> Self {
        let settings: Vec<_> = settings.iter().map(ToString::to_string).collect();
        let count = match database.backend() {
            Backend::Sqlite => 1,
            Backend::Postgres => 2,
        };
        let mut replicas = Vec::new();
        for _ in 0..count {
            replicas.push(Replica::start(database, &settings).await);
        }
        let wrong = match database.backend() {
            // SQLite belongs to one process.
            Backend::Sqlite => None,
            Backend::Postgres => Some(with_a_wrong_clock(database).await),
        };
        let all = count + usize::from(wrong.is_some());
        let (troubled, _) = watch::channel(vec![false; all]);
        Self {
            replicas,
            cluster,
            settings,
            wrong,
            troubled,
        }
    }

    /// A client of each replica, with connections of its own.
    pub(super) async fn clients(&self) -> Vec<Client> {
        let mut clients = Vec::new();
        for replica in &self.replicas {
            clients.push(Client::connect(replica.callers.address()).await);
        }
        if let Some(wrong) = &self.wrong {
            clients.push(wrong.client().await);
        }
        clients
    }

    /// Which replicas are in trouble.
    pub(super) fn troubled(&self) -> watch::Receiver<Vec<bool>> {
        self.troubled.subscribe()
    }

    /// PostgreSQL of the test's own.
    pub(super) fn cluster(&mut self) -> &mut Cluster {
        let (cluster, _) = self.cluster.as_mut().expect("it is the test's own");
        cluster
    }

    /// The troubles that can happen to this service.
    fn possible(&self) -> Vec<Trouble> {
        let mut possible = vec![
            Trouble::Killed,
            Trouble::Killed,
            Trouble::Stopped,
            Trouble::Restarted,
            Trouble::CallersCut,
        ];
        if self.cluster.is_some() {
            possible.extend([Trouble::DatabaseCut, Trouble::DatabaseKilled]);
        }
        possible
    }

    /// Makes trouble, each time after so many more calls, until the callers are done.
    pub(super) async fn trouble(
        mut self,
        mut done: watch::Receiver<usize>,
        every: usize,
        seed: u64,
        finished: CancellationToken,
    ) -> Self {
        let mut dice = StdRng::seed_from_u64(seed);
        let possible = self.possible();
        loop {
            let next = *done.borrow_and_update() + every;
            tokio::select! {
                reached = done.wait_for(|done| *done >= next) => {
                    drop(reached.expect("the recorder outlives the service"));
                }
                () = finished.cancelled() => return self,
            }
            let what = possible[dice.random_range(0..possible.len())];
            let replica = dice.random_range(0..self.replicas.len());
            self.happens(what, replica, &mut done).await;
        }
    }

    /// One thing happens and is over.
    #[expect(
        clippy::print_stdout,
        reason = "the harness shows it when the test fails"
    )]
    pub(super) async fn happens(
        &mut self,
        what: Trouble,
        number: usize,
        done: &mut watch::Receiver<usize>,
    ) {
        println!("{what:?}: replica {number} after {} calls", *done.borrow());
        self.troubled.send_modify(|troubled| {
            let all = what == Trouble::DatabaseKilled;
            for (at, is_troubled) in troubled.iter_mut().enumerate() {
                *is_troubled = all || at == number;
            }
        });
        let replica = &mut self.replicas[number];
        match what {
            Trouble::Killed => {
                let process = replica.process.take().expect("it runs");
                replica.is_started(process.kill_and_restart().await);
            }
            Trouble::Restarted => {
                let process = replica.process.take().expect("it runs");
                process.terminate();
                replica.is_started(Process::start_as(&replica.database, &self.settings).await);
            }
            Trouble::Stopped => {
                let process = replica.process.as_ref().expect("it runs");
                process.pause();
                while_more_end(done).await;
                process.resume();
            }
            Trouble::CallersCut => {
                replica.callers.cut_all().await;
                while_more_end(done).await;
                replica.callers.mend();
            }
            Trouble::DatabaseCut => {
                let line = replica.line.as_ref().expect("it has one");
                line.cut_all().await;
                while_more_end(done).await;
                line.mend();
            }
            Trouble::DatabaseKilled => {
                let (cluster, settings) = self.cluster.as_mut().expect("it is the test's own");
                cluster.crash();
                let settings: Vec<_> = settings.iter().map(String::as_str).collect();
                cluster.start(&settings);
            }
        }
        self.troubled
            .send_modify(|troubled| troubled.iter_mut().for_each(|one| *one = false));
    }

    /// Stops all replicas in order. What they were at is done or never will be.
    pub(super) async fn stop(self) -> Option<Cluster> {
        if let Some(wrong) = self.wrong {
            wrong.stop().await;
        }
        for mut replica in self.replicas {
            let process = replica.process.take().expect("it runs");
            assert!(process.terminate().success(), "a replica stops in order");
        }
        self.cluster.map(|(cluster, _)| cluster)
    }
}

/// A replica on a machine that is 25 hours ahead.
async fn with_a_wrong_clock(database: &TestDatabase) -> Assembled {
    let mut settings = config(database);
    settings.pin_limit = u32::try_from(PIN_LIMIT).expect("the limit is small");
    settings.jobs.purge_interval = Duration::from_secs(1);
    let machine = Machine::ahead_by(25 * HOUR);
    Assembled::with_clock(&settings, machine.clock()).await
}

impl Replica {
    async fn start(database: &TestDatabase, settings: &[String]) -> Self {
        let (line, database) = match database.backend() {
            Backend::Sqlite => (None, TestDatabase::elsewhere(database)),
            Backend::Postgres => {
                let (line, database) = TestDatabase::through_a_proxy(database).await;
                (Some(line), database)
            }
        };
        let process = Process::start_as(&database, settings).await;
        Self {
            callers: Proxy::start(process.address().to_string()).await,
            process: Some(process),
            line,
            database,
        }
    }

    fn is_started(&mut self, process: Process) {
        self.callers.lead_to(process.address().to_string());
        self.process = Some(process);
    }
}

/// Waits until some more calls have come to an end, or until it takes too long because of the trouble.
async fn while_more_end(done: &mut watch::Receiver<usize>) {
    let enough = *done.borrow_and_update() + CALLS_IN_TROUBLE;
    let ended = timeout(TROUBLE, done.wait_for(|done| *done >= enough)).await;
    drop(ended);
}
