//! Who is where and who types, over several instances.

#![allow(clippy::unwrap_used, reason = "a test may")]

#[path = "clients/palabre.rs"]
mod palabre;

use broker::{Deliveries, Delivery, Partition};
use chat::signal::Signal;
use serde_json::{Value, json};
use server::config::Config;

use palabre::{Client, in_time, instances, start, stop};

fn users(list: &Value) -> Vec<&str> {
    let mut users: Vec<_> =
        list.as_array().unwrap().iter().map(|member| member["user"].as_str().unwrap()).collect();
    users.sort_unstable();
    users
}

/// Asks until as many are there: what other instances know comes with a short delay.
async fn who(client: &mut Client, count: usize) -> Value {
    who_fits(client, |answer| answer["count"] == count).await
}

async fn who_fits(client: &mut Client, fits: impl Fn(&Value) -> bool) -> Value {
    let asking = async {
        loop {
            let answer = client.call("who", json!({ "room": "general" })).await;
            if fits(&answer) {
                return answer;
            }
        }
    };
    in_time(asking).await
}

/// On how many instances a user is.
fn instances_of(answer: &Value, user: &str) -> usize {
    let members = answer["members"].as_array().unwrap();
    let member = members.iter().find(|member| member["user"] == user);
    member.map_or(0, |member| member["instances"].as_array().unwrap().len())
}

#[tokio::test]
async fn members_of_all_instances_are_known_on_each() {
    let (servers, _broker) = instances(3).await;
    let mut clients = Vec::new();
    for server in &servers {
        let mut client = Client::connect(server).await;
        client.join("general").await;
        clients.push(client);
    }
    let mut all: Vec<String> = clients.iter().map(|client| client.user().to_owned()).collect();
    all.sort();
    for client in &mut clients {
        let answer = who(client, 3).await;
        assert_eq!(users(&answer["members"]), all);
        let ages: Vec<u64> = answer["members"]
            .as_array()
            .unwrap()
            .iter()
            .map(|member| member["since"].as_u64().unwrap())
            .collect();
        assert!(ages.is_sorted(), "those first who are there the longest");
        assert!(answer["members"][0]["instances"].as_array().unwrap().len() == 1);
        assert!(answer["members"][0]["name"].as_str().unwrap().starts_with("Guest "));
    }
    let mut late = Client::connect(&servers[1]).await;
    assert_eq!(late.join("general").await["members"], 4, "this one included");
    stop(servers).await;
}

#[tokio::test]
async fn clients_are_told_who_comes_is_renamed_and_leaves() {
    let (servers, _broker) = instances(2).await;
    let mut ada = Client::connect(&servers[0]).await;
    ada.join("general").await;
    let mut bob = Client::connect(&servers[1]).await;
    bob.join("general").await;
    let user = bob.user().to_owned();
    let has = |field: &'static str, user: String| {
        move |event: &Value| users_or_ids(&event[field]).contains(&user)
    };
    let came = ada.event("presence", has("joined", user.clone())).await;
    assert_eq!((&came["room"], &came["count"]), (&json!("general"), &json!(2)));
    bob.call("rename", json!({ "name": "Bob" })).await;
    let named = |event: &Value| event["joined"][0]["name"] == "Bob";
    assert_eq!(ada.event("presence", named).await["count"], 2);
    bob.call("leave", json!({ "room": "general" })).await;
    let left = ada.event("presence", has("left", user.clone())).await;
    assert_eq!((&left["joined"], &left["count"]), (&json!([]), &json!(1)));
    bob.join("general").await;
    ada.event("presence", has("joined", user.clone())).await;
    drop(bob);
    assert_eq!(ada.event("presence", has("left", user)).await["count"], 1);
    stop(servers).await;
}

fn users_or_ids(list: &Value) -> Vec<String> {
    let list = list.as_array().unwrap().iter();
    list.map(|one| one.as_str().or(one["user"].as_str()).unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_user_with_several_sockets_is_one_member() {
    let (servers, _broker) = instances(2).await;
    let mut watcher = Client::connect(&servers[0]).await;
    watcher.join("general").await;
    let mut ada = Client::connect(&servers[0]).await;
    assert_eq!(ada.join("general").await["members"], 2);
    let introduction = json!({ "palabre": 1, "token": ada.welcome["token"] });
    let mut beside = Client::connect_as(&servers[0], introduction.clone()).await;
    assert_eq!(beside.join("general").await["members"], 2);
    let mut elsewhere = Client::connect_as(&servers[1], introduction).await;
    elsewhere.join("general").await;
    let user = ada.user().to_owned();
    let on = |count| {
        let user = &user;
        move |answer: &Value| answer["count"] == 2 && instances_of(answer, user) == count
    };
    who_fits(&mut watcher, on(2)).await;
    drop((ada, beside));
    who_fits(&mut watcher, on(1)).await;
    drop(elsewhere);
    let left = watcher.event("presence", |event| event["left"] != json!([])).await;
    assert_eq!((&left["left"], &left["count"]), (&json!([user]), &json!(1)), "it left once");
    stop(servers).await;
}

#[tokio::test]
async fn members_of_an_instance_that_comes_or_goes_come_and_go() {
    let (mut servers, broker) = instances(1).await;
    let mut ada = Client::connect(&servers[0]).await;
    ada.join("general").await;
    let second = start(&Config::default(), &broker).await;
    let mut bob = Client::connect(&second).await;
    bob.join("general").await;
    who(&mut bob, 2).await;
    who(&mut ada, 2).await;
    servers.push(second);
    stop(servers.split_off(1)).await;
    let answer = who(&mut ada, 1).await;
    assert_eq!(users(&answer["members"]), [ada.user()]);
    stop(servers).await;
}

fn typing(on: bool) -> Value {
    json!({ "room": "general", "on": on })
}

fn nobody(event: &Value) -> bool {
    event["users"] == json!([])
}

fn somebody(event: &Value) -> bool {
    !nobody(event)
}

/// Waits until an instance signals that somebody types no more: nobody signals that when typing
/// ends by itself.
async fn signalled_end(deliveries: &mut Deliveries, user: &str) {
    let end = async {
        loop {
            let delivery = deliveries.recv().await.expect("the log is open");
            let Delivery::Signal { bytes, .. } = delivery else { continue };
            if let Some(Signal::Typing(typing)) = Signal::decode(&bytes)
                && (&*typing.user, typing.on) == (user, false)
            {
                return;
            }
        }
    };
    in_time(end).await;
}

#[tokio::test]
async fn typing_is_shown_on_all_instances() {
    let (servers, _broker) = instances(2).await;
    let mut ada = Client::connect(&servers[0]).await;
    let mut bob = Client::connect(&servers[1]).await;
    for client in [&mut ada, &mut bob] {
        client.join("general").await;
    }
    bob.call("rename", json!({ "name": "Bob" })).await;
    assert_eq!(bob.call("typing", typing(true)).await, json!({ "ok": true }));
    let shown = ada.event("typing", somebody).await;
    let bob_types = json!([{ "user": bob.user(), "name": "Bob" }]);
    assert_eq!((&shown["room"], &shown["users"]), (&json!("general"), &bob_types));
    bob.event("typing", somebody).await;
    bob.call("typing", typing(false)).await;
    ada.event("typing", nobody).await;
    // Too soon after the last time is merged with it; so it is renewed until it shows.
    in_time(async {
        while !ada.events.iter().any(|(name, event)| name == "typing" && somebody(event)) {
            bob.call("typing", typing(true)).await;
            ada.call("who", json!({ "room": "general" })).await;
        }
    })
    .await;
    // It stays, and doesn't renew.
    ada.event("typing", somebody).await;
    ada.event("typing", nobody).await;
    stop(servers).await;
}

#[tokio::test]
async fn who_sends_leaves_or_goes_types_no_more() {
    let (servers, broker) = instances(2).await;
    let mut deliveries = broker.follow(Partition(0));
    let mut ada = Client::connect(&servers[0]).await;
    ada.join("general").await;
    for ends_by in ["saying so", "sending", "leaving", "going"] {
        let mut bob = Client::connect(&servers[1]).await;
        bob.join("general").await;
        bob.call("typing", typing(true)).await;
        ada.event("typing", somebody).await;
        let (user, room) = (bob.user().to_owned(), json!({ "room": "general" }));
        let message = json!({ "room": "general", "id": "message-1", "text": "hi" });
        match ends_by {
            "saying so" => drop(bob.call("typing", typing(false)).await),
            "sending" => drop(bob.call("send", message).await),
            "leaving" => drop(bob.call("leave", room).await),
            _ => drop(bob),
        }
        signalled_end(&mut deliveries, &user).await;
        ada.event("typing", nobody).await;
    }
    stop(servers).await;
}
