//! Who is there and who types, as clients get it.

use serde_json::{Value, json};

use crate::{
    presence::{Change, Shown},
    typing::Typists,
};

/// The argument of a `presence` event.
pub fn presence(change: &Change) -> String {
    let joined: Vec<Value> = change.joined.iter().map(member).collect();
    json!({
        "room": change.room, "joined": joined, "left": change.left, "count": change.count,
    })
    .to_string()
}

/// The argument of a `typing` event.
pub fn typing(typists: &Typists) -> String {
    let users = typists.users.iter().map(|(user, name)| json!({ "user": user, "name": name }));
    json!({ "room": typists.room, "users": users.collect::<Vec<_>>() }).to_string()
}

/// The answer to `who`: some of the members, and how many there are.
pub fn who(members: &[Shown], count: usize) -> String {
    let members = members.iter().map(|shown| {
        let mut member = member(shown);
        let instances = shown.instances.iter().map(|id| name_of(id));
        member["instances"] = instances.collect::<Vec<_>>().into();
        member
    });
    json!({ "ok": true, "members": members.collect::<Vec<_>>(), "count": count }).to_string()
}

fn member(shown: &Shown) -> Value {
    json!({ "user": shown.user, "name": shown.name, "since": shown.since })
}

/// What people call an instance, of the id of one life of it (`name#random`).
fn name_of(id: &str) -> &str {
    id.rsplit_once('#').map_or(id, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ada() -> Shown {
        let instances = vec!["a:1#x".into(), "b".into()];
        Shown { user: "u1".into(), name: "Ada".into(), since: 5, instances }
    }

    fn check(json: &str, want: &Value) {
        assert_eq!(serde_json::from_str::<Value>(json).unwrap(), *want);
    }

    #[test]
    fn events_and_answers_have_the_shapes_of_the_contract() {
        let room = "général";
        let change =
            Change { room: room.into(), joined: vec![ada()], left: vec!["u2".into()], count: 3 };
        let member = json!({ "user": "u1", "name": "Ada", "since": 5 });
        let want = json!({ "room": room, "joined": [member], "left": ["u2"], "count": 3 });
        check(&presence(&change), &want);
        let users = vec![("u1".into(), "Ada".into())];
        let want = json!({ "room": room, "users": [{ "user": "u1", "name": "Ada" }] });
        check(&typing(&Typists { room: room.into(), users }), &want);
        let member = json!({
            "user": "u1", "name": "Ada", "since": 5, "instances": ["a:1", "b"],
        });
        check(&who(&[ada()], 7), &json!({ "ok": true, "members": [member], "count": 7 }));
    }
}
