//! Rooms over several instances: which there are, who may enter them, and what is refused.

#![allow(clippy::unwrap_used, reason = "a test may")]

#[path = "clients/palabre.rs"]
mod palabre;

use serde_json::{Value, json};
use server::config::Config;

use palabre::{Client, in_time, instances, instances_with, stop};

fn message(room: &str, number: u64) -> Value {
    json!({ "room": room, "id": format!("message-{number}"), "text": number.to_string() })
}

fn room_of<'a>(answer: &'a Value, room: &str) -> Option<&'a Value> {
    answer["rooms"].as_array().unwrap().iter().find(|listed| listed["room"] == room)
}

#[tokio::test]
async fn the_welcome_names_all_commands() {
    let (servers, _broker) = instances(1).await;
    let client = Client::connect(&servers[0]).await;
    let features = client.welcome["features"].as_array().unwrap();
    for command in
        ["join", "leave", "send", "history", "rooms", "create", "who", "typing", "rename"]
    {
        assert!(features.contains(&json!(command)), "{command}");
    }
    stop(servers).await;
}

#[tokio::test]
async fn a_room_is_made_once_and_entered_from_everywhere() {
    let (servers, _broker) = instances(2).await;
    let mut ada = Client::connect(&servers[0]).await;
    let mut bob = Client::connect(&servers[1]).await;
    let made = ada.call("create", json!({ "room": "Tea", "title": " Tea  room " })).await;
    assert_eq!((&made["ok"], &made["room"]), (&json!(true), &json!("tea")), "{made}");
    assert_eq!((&made["title"], &made["members"]), (&json!("Tea room"), &json!(1)), "{made}");
    assert_eq!((&made["head"], &made["entries"]), (&json!(0), &json!([])));
    assert_eq!(ada.call("send", message("tea", 1)).await["offset"], 1, "its maker is in it");
    assert_eq!(bob.refusal("create", json!({ "room": "tea" })).await, "conflict");
    assert_eq!(bob.refusal("create", json!({ "room": "general" })).await, "conflict");
    let joined = bob.join("tea").await;
    assert_eq!((&joined["title"], &joined["head"]), (&json!("Tea room"), &json!(1)));
    ada.join("written").await;
    ada.call("send", message("written", 2)).await;
    assert_eq!(bob.refusal("create", json!({ "room": "written" })).await, "conflict");
    stop(servers).await;
}

#[tokio::test]
async fn joining_makes_a_room_unless_rooms_are_closed() {
    let (servers, _broker) = instances(1).await;
    let mut client = Client::connect(&servers[0]).await;
    assert_eq!(client.join("new").await["ok"], true);
    assert_eq!(client.refusal("create", json!({ "room": "new" })).await, "conflict");
    stop(servers).await;
    let closed = Config { open_rooms: false, ..Config::default() };
    let (servers, _broker) = instances_with(1, &closed).await;
    let mut client = Client::connect(&servers[0]).await;
    assert_eq!(client.refusal("join", json!({ "room": "new" })).await, "not_found");
    assert_eq!(client.join("general").await["ok"], true, "the lobby is always there");
    assert_eq!(client.call("create", json!({ "room": "new" })).await["ok"], true);
    let mut other = Client::connect(&servers[0]).await;
    assert_eq!(other.join("new").await["ok"], true);
    stop(servers).await;
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let (servers, _broker) = instances(1).await;
    let mut client = Client::connect(&servers[0]).await;
    for command in ["history", "who"] {
        assert_eq!(client.refusal(command, json!({ "room": "nowhere" })).await, "not_found");
        assert_eq!(client.call(command, json!({ "room": "general" })).await["ok"], true);
    }
    for command in ["send", "typing"] {
        let mut arguments = message("nowhere", 1);
        arguments["on"] = json!(true);
        assert_eq!(client.refusal(command, arguments).await, "forbidden", "it needs a join");
    }
    stop(servers).await;
}

#[tokio::test]
async fn a_private_room_is_its_makers_own() {
    let (servers, _broker) = instances(2).await;
    let mut ada = Client::connect(&servers[0]).await;
    let mut bob = Client::connect(&servers[1]).await;
    let secret = json!({ "room": "secret", "title": "Ours", "private": true });
    assert_eq!(ada.call("create", secret).await["ok"], true);
    ada.call("send", message("secret", 1)).await;
    for command in ["join", "history", "who", "send", "typing"] {
        let mut arguments = message("secret", 1);
        arguments["on"] = json!(true);
        assert_eq!(bob.refusal(command, arguments).await, "forbidden", "{command}");
    }
    assert!(room_of(&bob.call("rooms", json!({})).await, "secret").is_none());
    let listed = ada.call("rooms", json!({})).await;
    let room = room_of(&listed, "secret").unwrap();
    assert_eq!((&room["private"], &room["title"]), (&json!(true), &json!("Ours")));
    assert_eq!(room["last"]["text"], "1");
    // The same user comes in anywhere.
    let introduction = json!({ "palabre": 1, "token": ada.welcome["token"] });
    let mut again = Client::connect_as(&servers[1], introduction).await;
    assert_eq!(again.call("history", json!({ "room": "secret" })).await["head"], 1);
    assert_eq!(again.join("secret").await["ok"], true);
    assert_eq!(bob.refusal("create", json!({ "room": "secret" })).await, "conflict");
    assert!(bob.entries.is_empty(), "nothing of it came to who was refused");
    stop(servers).await;
}

#[tokio::test]
async fn the_list_shows_what_is_unread_and_who_is_there() {
    let (servers, _broker) = instances(2).await;
    let mut ada = Client::connect(&servers[0]).await;
    let mut bob = Client::connect(&servers[1]).await;
    let empty = bob.call("rooms", json!({})).await;
    let lobby = room_of(&empty, "general").expect("the lobby is listed from the start");
    assert_eq!((&lobby["head"], &lobby["title"]), (&json!(0), &json!("general")));
    for (room, number) in [("a", 1), ("b", 1), ("a", 2), ("a", 3)] {
        ada.join(room).await;
        ada.call("send", message(room, number)).await;
    }
    let listed = bob.call("rooms", json!({})).await;
    let names: Vec<_> = listed["rooms"].as_array().unwrap().iter().map(|r| &r["room"]).collect();
    assert_eq!(names, ["a", "b", "general"], "the youngest first");
    assert_eq!(listed["more"], false);
    let a = room_of(&listed, "a").unwrap();
    assert_eq!((&a["head"], &a["unread"], &a["last"]["text"]), (&json!(3), &json!(3), &json!("3")));
    let seen = |epoch: &Value| json!({ "seen": [{ "room": "a", "epoch": epoch, "offset": 2 }] });
    let listed = bob.call("rooms", seen(&a["epoch"])).await;
    assert_eq!(room_of(&listed, "a").unwrap()["unread"], 1);
    let listed = bob.call("rooms", seen(&json!("anotherepochname"))).await;
    assert_eq!(room_of(&listed, "a").unwrap()["unread"], 3);
    // Members on the other instance are heard of within moments.
    in_time(async {
        while room_of(&bob.call("rooms", json!({})).await, "a").unwrap()["members"] != 1 {}
    })
    .await;
    stop(servers).await;
}

#[tokio::test]
async fn a_reply_names_an_entry_of_the_room() {
    let (servers, _broker) = instances(1).await;
    let mut client = Client::connect(&servers[0]).await;
    client.join("general").await;
    let first = client.call("send", message("general", 1)).await;
    let reply = |number, epoch: &Value, offset: u64| {
        let mut reply = message("general", number);
        reply["replyTo"] = json!({ "epoch": epoch, "offset": offset });
        reply
    };
    let epoch = &first["epoch"];
    let sent = client.call("send", reply(2, epoch, 1)).await;
    assert_eq!(sent["offset"], 2, "{sent}");
    assert_eq!(client.refusal("send", reply(3, epoch, 9)).await, "not_found");
    assert_eq!(client.refusal("send", reply(3, &json!("another"), 1)).await, "conflict");
    assert_eq!(client.refusal("send", reply(3, epoch, 0)).await, "bad_request");
    assert_eq!(client.call("send", reply(2, epoch, 1)).await["duplicate"], true);
    assert_eq!(client.refusal("send", message("general", 2)).await, "conflict", "it replied");
    let history = client.call("history", json!({ "room": "general" })).await;
    let stored = &history["entries"][1];
    assert_eq!(stored["replyTo"], json!({ "epoch": epoch, "offset": 1 }));
    while client.entries.len() < 2 {
        client.read().await;
    }
    assert_eq!(client.entries[1], *stored, "live as it is stored");
    stop(servers).await;
}

#[tokio::test]
async fn replies_and_messages_keep_their_order() {
    let (servers, _broker) = instances(1).await;
    let mut client = Client::connect(&servers[0]).await;
    client.join("general").await;
    let first = client.call("send", message("general", 0)).await;
    let mut asked = Vec::new();
    for number in 1..=60 {
        let mut arguments = message("general", number);
        if number % 3 != 0 {
            let offset = if number % 7 == 0 { 9_999 } else { 1 };
            arguments["replyTo"] = json!({ "epoch": first["epoch"], "offset": offset });
        }
        asked.push((number, client.ask("send", arguments).await));
    }
    let mut last = 1;
    for (number, id) in asked {
        let answer = client.answer(id).await;
        if number % 3 != 0 && number % 7 == 0 {
            assert_eq!(answer["error"]["code"], "not_found", "{number}");
        } else {
            last += 1;
            assert_eq!(answer["offset"], last, "{number}");
        }
    }
    stop(servers).await;
}

#[tokio::test]
async fn history_can_begin_at_a_time() {
    let (servers, _broker) = instances(1).await;
    let mut client = Client::connect(&servers[0]).await;
    client.join("general").await;
    let mut at = 0;
    for number in 1..=9 {
        at = client.call("send", message("general", number)).await["at"].as_u64().unwrap();
    }
    let from = |at: u64| json!({ "room": "general", "at": at });
    assert_eq!(client.call("history", from(0)).await["entries"].as_array().unwrap().len(), 9);
    let last = client.call("history", from(at)).await;
    assert_eq!(last["entries"].as_array().unwrap().last().unwrap()["offset"], 9);
    let after = client.call("history", from(at + 60_000)).await;
    assert_eq!((&after["entries"], &after["more"]), (&json!([]), &json!(false)));
    stop(servers).await;
}

#[tokio::test]
async fn rooms_are_made_at_a_limited_rate() {
    let (servers, _broker) = instances(1).await;
    let mut client = Client::connect(&servers[0]).await;
    let mut made = 0;
    let refused = loop {
        let room = format!("room-{made}");
        let answer = client.join(&room).await;
        if answer["ok"] != true {
            break answer;
        }
        client.call("leave", json!({ "room": room })).await;
        made += 1;
        assert!(made < 1_000, "there is a limit");
    };
    assert_eq!(refused["error"]["code"], "rate_limited", "{refused}");
    assert!(refused["error"]["retryAfterMs"].as_u64().unwrap() > 0);
    assert!(made >= 120, "{made}");
    assert_eq!(client.join("room-0").await["ok"], true, "what is there can be entered");
    stop(servers).await;
}

#[tokio::test]
async fn arguments_that_are_wrong_or_too_large_are_refused() {
    let (servers, _broker) = instances(1).await;
    let mut client = Client::connect(&servers[0]).await;
    let cases = [
        ("rooms", json!({ "seen": 1 }), "bad_request"),
        ("create", json!({}), "bad_request"),
        ("create", json!({ "room": "a b" }), "bad_request"),
        ("create", json!({ "room": "x", "title": "t".repeat(101) }), "too_large"),
        ("who", json!({}), "bad_request"),
        ("typing", json!({ "room": "general" }), "bad_request"),
        ("history", json!({ "room": "general", "at": 1, "before": 2 }), "bad_request"),
        ("join", json!({ "room": "x".repeat(65) }), "too_large"),
    ];
    for (command, arguments, code) in cases {
        assert_eq!(client.refusal(command, arguments.clone()).await, code, "{command} {arguments}");
    }
    stop(servers).await;
}
