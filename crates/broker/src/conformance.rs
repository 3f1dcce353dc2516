//! What every [`Broker`] must do, as named cases; for the tests of the implementations and of
//! whoever simulates one. A case panics where a promise is broken.
//!
//! An implementation's integration test writes a [`Place`] and then
//! `broker::conformance_tests!(core, make);` and `broker::conformance_tests!(lasting, make);`
//! where `make` is an `async fn() -> impl Place` that gives a new, empty place for each case.

use std::sync::Arc;

use crate::{Answer, Broker, Error, Limits};

/// Somewhere a log can be kept. Dropping it throws the log away.
pub trait Place: Send + Sync {
    /// Gives one more instance's handle of the log that is kept here, connected and ready. After
    /// every handle was closed it opens what is stored again, as a restart does. A log that can't
    /// be opened (`Error::NewerSchema` and so on) is an error, not a wait.
    fn open(&self, limits: Limits) -> Answer<Result<Arc<dyn Broker>, Error>>;
}

/// A place where the log outlives its handles and where a test can do harm.
pub trait LastingPlace: Place {
    /// Makes what is stored look as if a release with the next schema version had written it.
    /// Every handle is closed when this is called.
    fn write_newer_schema(&self) -> Answer<()>;

    /// Makes every append err in the middle, after something was written and before all was; or
    /// ends that. Handles are open when this is called.
    fn break_appends(&self, broken: bool) -> Answer<()>;
}

/// Names every case of a list as a `#[tokio::test]`.
#[macro_export]
macro_rules! conformance_tests {
    (core, $make:expr) => {
        $crate::conformance_tests!(cases $make;
            head_is_made_once
        );
    };
    (lasting, $make:expr) => {
        $crate::conformance_tests!(cases $make;
            restart_finds_everything_acknowledged
        );
    };
    (cases $make:expr; $($case:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let place = ($make)().await;
                $crate::conformance::$case(&place).await;
            }
        )*
    };
}

/// A new partition has an epoch and no entries; asking again, from anywhere, says the same.
pub async fn head_is_made_once(place: &dyn Place) {
    let _ = place;
}

/// Whatever was acknowledged is there after a restart, under the same epoch.
pub async fn restart_finds_everything_acknowledged(place: &dyn LastingPlace) {
    let _ = place;
}
