use std::time::Duration;

use broker::{Limits, embedded::Embedded};
use serde_json::json;

use super::*;

/// Long enough for the slowest machine; reached only when something never comes.
const LONG: Duration = Duration::from_mins(1);

/// Waited for to its end, where somebody never answers; long enough for who does.
const SHORT: Duration = Duration::from_secs(2);

struct House {
    broker: Arc<dyn Broker>,
    tasks: TaskTracker,
    stop: CancellationToken,
    ids: Vec<Box<str>>,
}

impl House {
    fn new(ids: &[&str]) -> Self {
        let broker: Arc<dyn Broker> = Embedded::open(None, Limits::memory()).unwrap();
        let ids = ids.iter().map(|id| (*id).into()).collect();
        Self { broker, tasks: TaskTracker::new(), stop: CancellationToken::new(), ids }
    }

    fn instance(&self, id: &str) -> Control {
        let ids = self.ids.clone();
        let metrics = Metrics::new(&mut prometheus_client::registry::Registry::default());
        let living = Box::new(move || ids.clone());
        let broker = self.broker.clone();
        Control::start(id.into(), broker, living, Arc::new(metrics), &self.tasks, &self.stop)
    }
}

fn doubling() -> Handler {
    Arc::new(|body| Box::pin(async move { body.as_u64().map(|number| json!(number * 2)) }))
}

fn from(answers: &Answers) -> Vec<&str> {
    let mut from: Vec<&str> = answers.answers.iter().map(|(who, _)| &**who).collect();
    from.sort_unstable();
    from
}

#[tokio::test]
async fn all_that_live_are_asked_and_their_answers_gathered() {
    let house = House::new(&["a#1", "b#1", "c#1"]);
    let controls: Vec<Control> = house.ids.iter().map(|id| house.instance(id)).collect();
    for control in &controls {
        control.on("double", doubling());
    }
    let answers = controls[0].ask(Recipient::All, "double", json!(21), LONG).await;
    assert_eq!(from(&answers), ["a#1", "b#1", "c#1"], "itself included");
    assert!(answers.answers.iter().all(|(_, answer)| *answer == json!(42)));
    assert!(answers.missing.is_empty());
    let one = controls[0].ask(Recipient::One("c#1".into()), "double", json!(4), LONG).await;
    assert_eq!(one.answers, [(Box::from("c#1"), json!(8))]);
}

#[tokio::test]
async fn who_does_not_answer_by_the_deadline_is_missing() {
    let house = House::new(&["a#1", "b#1", "dead#1", "old#1"]);
    let (asker, answerer) = (house.instance("a#1"), house.instance("b#1"));
    let _knows_nothing = house.instance("old#1");
    asker.on("double", Arc::new(|_| Box::pin(std::future::pending())));
    answerer.on("double", doubling());
    let answers = asker.ask(Recipient::All, "double", json!(1), SHORT).await;
    assert_eq!(answers.answers, [(Box::from("b#1"), json!(2))]);
    assert_eq!(answers.missing, ["a#1", "dead#1", "old#1"].map(Box::from));
}

#[tokio::test]
async fn an_instance_that_knows_no_such_question_is_not_waited_for() {
    let house = House::new(&["a#1", "old#1"]);
    let asker = house.instance("a#1");
    let _knows_nothing = house.instance("old#1");
    let to = Recipient::One("old#1".into());
    let answers = asker.ask(to, "double", json!(1), LONG).await;
    assert_eq!(answers.missing, [Box::from("old#1")]);
}

#[tokio::test]
async fn what_is_told_arrives_and_strangers_answer_nothing() {
    let house = House::new(&["a#1", "b#1"]);
    let (a, b) = (house.instance("a#1"), house.instance("b#1"));
    let stranger = house.instance("x#1");
    let (heard, mut hears) = mpsc::channel(1);
    let listen: Handler = Arc::new(move |body| {
        let heard = heard.clone();
        Box::pin(async move {
            heard.send(body).await.unwrap();
            None
        })
    });
    b.on("news", listen);
    a.tell(Recipient::One("b#1".into()), "news", json!("hello"));
    assert_eq!(hears.recv().await, Some(json!("hello")));
    // An answer from somebody who was not asked, and a second one of somebody who was.
    b.on("double", doubling());
    let first = a.ask(Recipient::One("b#1".into()), "double", json!(1), LONG).await;
    assert!(first.missing.is_empty());
    let (open, mut replies) = a.0.asked.open(vec!["b#1".into(), "c#1".into()]);
    let forged = |control: &Control| {
        let said = Said::Answered { number: open.number(), reply: Reply::Known(json!("x")) };
        control.0.post(Recipient::One("a#1".into()), said);
    };
    forged(&stranger);
    forged(&b);
    assert_eq!(&*replies.recv().await.unwrap().0, "b#1");
    forged(&b);
    b.tell(Recipient::One("b#1".into()), "news", json!("later"));
    assert_eq!(hears.recv().await, Some(json!("later")));
    assert!(replies.try_recv().is_err());
}
