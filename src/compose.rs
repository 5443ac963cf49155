//! Composition: which server, which workers, in which process.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use empiric_activities::adapters::artifact_store::ArtifactStore;
use empiric_activities::adapters::database::Database;
use empiric_activities::dispatch::{Drain, JobActivities, LocalDispatcher, LocalSettings};
use empiric_activities::record::RecorderActivities;
use empiric_activities::rollout::RolloutActivities;
use empiric_activities::scope::ScopeActivities;
use empiric_schema::job::DEVICE_VARIABLE;
use empiric_schema::names::{QUEUE_CONTROL, QUEUE_JOBS_CPU};
use empiric_schema::spec::ResourceSpec;
use empiric_workflows::iteration::Iteration;
use empiric_workflows::lifecycle::Lifecycle;
use empiric_workflows::rollout::Rollout;
use temporalio_client::Client;
use temporalio_sdk::runtime::worker_tuner::{FixedSizeSlotSupplier, TunerHolder};
use temporalio_sdk::{Runtime, Worker, WorkerOptions};

use crate::cli::TemporalArgs;
use crate::error::CliError;
use crate::place::Place;
use crate::temporal::{
    ManagedServer, Role, connect_outside, connect_to, connect_to_new, find_program, outside_address,
    running_server,
};

/// Time that jobs get to hand themselves back when their worker leaves.
const LEAVE: Duration = Duration::from_secs(15);
/// How often heartbeats reach the server, so that progress is fresh.
const HEARTBEATS: Duration = Duration::from_millis(500);

/// A connection, and what this process keeps for it.
pub struct Session {
    /// The connection.
    pub client: Client,
    server: Option<ManagedServer>,
    workers: Vec<RunningWorker>,
    dispatchers: Vec<LocalDispatcher>,
    drain: Drain,
}

impl Session {
    /// Connects for work: an outside server, the server that another process keeps, or an own one
    /// with workers in this process.
    pub async fn work(args: &TemporalArgs, place: &Place) -> Result<Self, CliError> {
        Self::open(args, place, Role::Work).await
    }

    /// Connects for one question or command.
    pub async fn visit(args: &TemporalArgs, place: &Place) -> Result<Self, CliError> {
        Self::open(args, place, Role::Visit).await
    }

    /// Connects to a server that somebody else keeps.
    ///
    /// # Errors
    /// [`CliError::NobodyUp`] where nobody does.
    pub async fn join(args: &TemporalArgs, place: &Place) -> Result<Self, CliError> {
        if let Some(address) = &outside_address(args)? {
            return Ok(Self::without_server(connect_outside(args, address).await?));
        }
        let record = running_server(&place.server()).filter(|record| record.role == Role::Work);
        let Some(record) = record else { return Err(CliError::NobodyUp { state: place.state.clone() }) };
        match connect_to(&record.address).await {
            Ok(client) => Ok(Self::without_server(client)),
            Err(_) => Err(CliError::NobodyUp { state: place.state.clone() }),
        }
    }

    async fn open(args: &TemporalArgs, place: &Place, role: Role) -> Result<Self, CliError> {
        if let Some(address) = &outside_address(args)? {
            let mut session = Self::without_server(connect_outside(args, address).await?);
            if role == Role::Work {
                session.start_workers(place, Role::Work, 1).await?;
            }
            return Ok(session);
        }
        let program = find_program(args, place).await?;
        loop {
            if let Some(server) = ManagedServer::start(&place.server(), &program, role).await? {
                let client = connect_to_new(&server.address).await?;
                let mut session = Self { server: Some(server), ..Self::without_server(client) };
                session.start_workers(place, role, 1).await?;
                return Ok(session);
            }
            match running_server(&place.server()) {
                // Somebody works there already; a visitor leaves in a moment, and then this one works.
                Some(record) if record.role == Role::Work || role == Role::Visit => {
                    if let Ok(client) = connect_to(&record.address).await {
                        return Ok(Self::without_server(client));
                    }
                }
                _ => {}
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    fn without_server(client: Client) -> Self {
        Self { client, server: None, workers: Vec::new(), dispatchers: Vec::new(), drain: Drain::default() }
    }

    /// Whether work goes on in this process.
    pub fn is_working(&self) -> bool {
        !self.workers.is_empty()
    }

    async fn start_workers(&mut self, place: &Place, role: Role, slots: usize) -> Result<(), CliError> {
        let parts = Parts::open(place).await?;
        self.workers.push(self.control_worker(place, &parts)?);
        if role == Role::Work {
            let jobs = self.job_worker(QUEUE_JOBS_CPU, place, &parts, slots).await?;
            self.workers.push(jobs);
        }
        Ok(())
    }

    /// Starts a single worker on a queue, for `empiric worker`.
    pub async fn start_worker(&mut self, place: &Place, queue: &str, slots: usize) -> Result<(), CliError> {
        let parts = Parts::open(place).await?;
        let worker = if queue == QUEUE_CONTROL {
            self.control_worker(place, &parts)?
        } else {
            self.job_worker(queue, place, &parts, slots).await?
        };
        self.workers.push(worker);
        Ok(())
    }

    fn control_worker(&self, place: &Place, parts: &Parts) -> Result<RunningWorker, CliError> {
        let scope = ScopeActivities {
            store: parts.store.clone(),
            cache_dir: place.cache.clone(),
            network: place.network,
        };
        let recorder = RecorderActivities { database: parts.database.clone(), store: parts.store.clone() };
        let rollouts = RolloutActivities {
            database: parts.database.clone(),
            store: parts.store.clone(),
            state: place.state.clone(),
            network: place.network,
        };
        let options = WorkerOptions::new(QUEUE_CONTROL)
            // Each rollout keeps one waiting for its window.
            .tuner(slots(32, 16))
            .max_heartbeat_throttle_interval(HEARTBEATS)
            .default_heartbeat_throttle_interval(HEARTBEATS)
            .graceful_shutdown_period(Duration::from_secs(2))
            .register_workflow::<Lifecycle>()
            .and_then(|options| options.register_workflow::<Iteration>())
            .and_then(|options| options.register_workflow::<Rollout>())
            .map_err(|error| CliError::Worker(error.to_string()))?
            .register_activities(scope)
            .register_activities(recorder)
            .register_activities(rollouts)
            .build();
        RunningWorker::start(self.client.clone(), options)
    }

    async fn job_worker(
        &mut self,
        queue: &str,
        place: &Place,
        parts: &Parts,
        jobs_at_once: usize,
    ) -> Result<RunningWorker, CliError> {
        let program = std::env::current_exe();
        let program =
            program.map_err(|source| CliError::File { action: "find", path: "empiric".into(), source })?;
        let mut settings = LocalSettings { warm: place.warm, ..LocalSettings::new(place.jobs(), program) };
        // Outside a project there is nothing to obey: the worker's machine is the limit.
        let asked = place.spec().map(|spec| spec.resources).unwrap_or_default();
        settings.threads = asked.cpus.map_or(settings.threads, |cpus| cpus.clamp(1, settings.threads));
        settings.device = device_of_jobs(&asked);
        let jobs = place.jobs();
        let dispatcher = LocalDispatcher::open(settings, parts.store.clone()).await;
        let dispatcher =
            dispatcher.map_err(|source| CliError::File { action: "open", path: jobs, source })?;
        self.dispatchers.push(dispatcher.clone());
        let activities = JobActivities { dispatcher, drain: self.drain.clone() };
        let options = WorkerOptions::new(queue)
            .tuner(slots(2, jobs_at_once))
            .max_heartbeat_throttle_interval(HEARTBEATS)
            .default_heartbeat_throttle_interval(HEARTBEATS)
            .graceful_shutdown_period(LEAVE)
            .register_activities(activities)
            .build();
        RunningWorker::start(self.client.clone(), options)
    }

    /// Leaves in order: jobs are handed back, workers stop polling, warm runners end, the server ends.
    pub async fn close(self) {
        self.drain.start();
        for worker in self.workers {
            worker.stop().await;
        }
        for dispatcher in self.dispatchers {
            dispatcher.close().await;
        }
        if let Some(server) = self.server {
            server.stop().await;
        }
    }

    /// Ready when a worker ended by itself, which none should.
    pub async fn worker_ended(&self) -> CliError {
        while !self.workers.iter().any(|worker| worker.thread.is_finished()) {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        CliError::Worker("the log in the state folder says why".to_owned())
    }
}

/// Work at the same time: workflow tasks and activities. Local activities are short.
fn slots(workflow_tasks: usize, activities: usize) -> TunerHolder {
    TunerHolder::builder()
        .workflow_task_slot_supplier(FixedSizeSlotSupplier::new(workflow_tasks))
        .activity_task_slot_supplier(FixedSizeSlotSupplier::new(activities))
        .local_activity_task_slot_supplier(FixedSizeSlotSupplier::new(16))
        .nexus_task_slot_supplier(FixedSizeSlotSupplier::new(1))
        .build()
}

/// What activities hold.
struct Parts {
    store: ArtifactStore,
    database: Database,
}

impl Parts {
    async fn open(place: &Place) -> Result<Self, CliError> {
        Ok(Self { database: place.database().await?, store: place.store()? })
    }
}

/// Where jobs compute: what the worker was told, else the first device where the project asks for any.
pub fn device_of_jobs(resources: &ResourceSpec) -> Option<String> {
    let told = std::env::var(DEVICE_VARIABLE).ok();
    told.or_else(|| resources.accelerators.as_ref().map(|_| "cuda".to_owned()))
}

/// A worker on a thread of its own: workflow futures cannot change threads.
struct RunningWorker {
    thread: JoinHandle<()>,
    shutdown: Arc<dyn Fn() + Send + Sync>,
}

impl RunningWorker {
    fn start(client: Client, options: WorkerOptions) -> Result<Self, CliError> {
        let handle = tokio::runtime::Handle::current();
        let (ready, started) = std::sync::mpsc::channel();
        let thread = std::thread::Builder::new().name("worker".to_owned()).spawn(move || {
            let _entered = handle.enter();
            let worker =
                Runtime::from_current_tokio(Default::default()).map_err(|error| error.to_string()).and_then(
                    |runtime| Worker::new(&runtime, client, options).map_err(|error| error.to_string()),
                );
            match worker {
                Err(error) => drop(ready.send(Err(error))),
                Ok(mut worker) => {
                    let shutdown: Arc<dyn Fn() + Send + Sync> = Arc::new(worker.shutdown_handle());
                    drop(ready.send(Ok(shutdown)));
                    if let Err(error) = handle.block_on(worker.run()) {
                        tracing::error!(%error, "a worker ended");
                    }
                }
            }
        });
        let thread = thread.map_err(|error| CliError::Worker(error.to_string()))?;
        let shutdown = started.recv().map_err(|error| CliError::Worker(error.to_string()))?;
        Ok(Self { thread, shutdown: shutdown.map_err(CliError::Worker)? })
    }

    async fn stop(self) {
        (self.shutdown)();
        let ended = tokio::task::spawn_blocking(move || self.thread.join());
        let _ = tokio::time::timeout(LEAVE * 2, ended).await;
    }
}
