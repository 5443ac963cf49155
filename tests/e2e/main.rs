//! Tests against a real Temporal dev server. `make test` sets EMPIRIC_TEMPORAL_BIN; without it they fail.

mod answering;
mod bench;
mod control;
mod fakes;
mod faults;
mod histories;
mod lifecycle;
mod people;
mod process;
mod promoting;
mod rollout;
mod rollout_bench;
mod rollout_world;
mod server;
mod steering;
mod telemetry;
