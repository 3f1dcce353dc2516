//! The broker over Redis keeps the contract that every broker keeps.

use std::{
    future::{Ready, ready},
    sync::Arc,
};

use broker::{
    Answer, Broker, Error, Limits, Partition, State,
    conformance::{LastingPlace, Place},
    redis::{Config, Redis},
};
use tokio_util::task::TaskTracker;

use crate::server::Server;

struct Log {
    server: Server,
    partitions: u16,
}

fn one_partition() -> Ready<Log> {
    ready(Log { server: Server::start(), partitions: 1 })
}

fn three_partitions() -> Ready<Log> {
    ready(Log { server: Server::start(), partitions: 3 })
}

impl Place for Log {
    fn open(&self, limits: Limits) -> Answer<Result<Arc<dyn Broker>, Error>> {
        let partitions = self.partitions;
        let config = Config { partitions, limits, ..Config::new(self.server.url()) };
        let redis = Redis::start(config, &TaskTracker::new()).unwrap();
        Box::pin(async move {
            loop {
                // Asking waits for the connection that questions take; the lanes have their own.
                match redis.head(Partition(0)).await {
                    Ok(_) if redis.state() == State::Connected => return Ok(redis as Arc<_>),
                    Ok(_) | Err(Error::Unavailable(_)) => tokio::task::yield_now().await,
                    Err(lasting) => return Err(lasting),
                }
            }
        })
    }
}

impl LastingPlace for Log {
    fn write_newer_schema(&self) -> Answer<()> {
        for partition in 0..self.partitions {
            self.server.must(&["HSET", &format!("palabre:{{p{partition}}}"), "schema", "2"]);
        }
        Box::pin(ready(()))
    }

    fn break_appends(&self, broken: bool) -> Answer<()> {
        // By then the hashes are written.
        let rule = if broken { "-xadd" } else { "+xadd" };
        self.server.must(&["ACL", "SETUSER", "default", rule]);
        Box::pin(ready(()))
    }
}

mod with_one_partition {
    use super::one_partition;

    broker::conformance_tests!(core, one_partition);
    broker::conformance_tests!(lasting, one_partition);
}

mod with_three_partitions {
    use super::three_partitions;

    broker::conformance_tests!(core, three_partitions);
    broker::conformance_tests!(lasting, three_partitions);
}
