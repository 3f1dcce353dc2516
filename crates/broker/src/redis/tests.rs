use super::*;

fn refused(config: Config) -> Option<ConfigError> {
    Redis::start(config, &TaskTracker::new()).err()
}

#[tokio::test]
async fn bad_configurations_are_refused() {
    let good = || Config::new("redis://127.0.0.1:1");
    assert_eq!(refused(good()), None);
    for partitions in [0, 33] {
        let refused = refused(Config { partitions, ..good() });
        assert_eq!(refused, Some(ConfigError::Partitions(partitions)));
    }
    let long = "x".repeat(65);
    for prefix in ["", "a b", "a{b", "b}", "a\n", &long] {
        let refused = refused(Config { prefix: prefix.into(), ..good() });
        assert_eq!(refused, Some(ConfigError::Prefix), "{prefix:?}");
    }
    assert!(matches!(refused(Config::new("rediss://h")), Some(ConfigError::Url(_))));
}

#[tokio::test]
async fn the_description_has_no_password() {
    let config = Config::new("redis://me:hush@127.0.0.1:1/4");
    let redis = Redis::start(config, &TaskTracker::new()).unwrap();
    let Description { name, retention } = redis.description();
    assert_eq!(name, "redis://127.0.0.1:1/4");
    assert_eq!(retention, "10,000 entries or 7 days per room");
    assert_eq!(redis.state(), State::Connecting);
    redis.close().await;
}
