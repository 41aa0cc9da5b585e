//! Two or more clients with the real client core, over real sockets to the real server.

use serde_json::Value;
use support::{
    client::{Person, Shot},
    proxy::Proxy,
    server::Server,
};
use web_crypto::{picture::Media, session::Intent};

const PASSWORD: &str = "correct horse battery";

async fn two(base: &str) -> (Person, Person) {
    let mut ana = Person::create(base, "Book club", "Ana", PASSWORD).await.unwrap();
    let mut bo = Person::join(base, "Book club", "Bo", PASSWORD).await.unwrap();
    ana.sees_people(&["Ana", "Bo"]).await;
    bo.sees_people(&["Ana", "Bo"]).await;
    (ana, bo)
}

#[tokio::test]
async fn two_people_talk_and_the_room_ends_when_both_leave() {
    let server = Server::start().await;
    let (mut ana, mut bo) = two(&server.address).await;
    ana.say("Hello Bo").await;
    assert_eq!(bo.hears().await, ("Ana".into(), "Hello Bo".into()));
    ana.sees("accepted").await;
    bo.say("Hello Ana 👋").await;
    assert_eq!(ana.hears().await, ("Bo".into(), "Hello Ana 👋".into()));

    assert_eq!(ana.safety_words().await, bo.safety_words().await);

    bo.leave().await;
    assert_eq!(bo.sees("ended").await["code"], "left");
    assert_eq!(ana.sees("left").await["lost"], false);
    ana.leave().await;
    ana.sees("ended").await;

    // The room is gone: its password is refused, and its name is free.
    let refused = Person::join(&server.address, "Book club", "Bo", PASSWORD).await.err().unwrap();
    assert_eq!(refused["code"], "wrong_credentials");
    let mut cy = Person::create(&server.address, "Book club", "Ana", "another password").await.unwrap();
    cy.sees_people(&["Ana"]).await;
    let refused = Person::join(&server.address, "Book club", "Bo", PASSWORD).await.err().unwrap();
    assert_eq!(refused["code"], "wrong_credentials");
}

#[tokio::test]
async fn unknown_room_and_wrong_password_get_the_same_error() {
    let server = Server::start().await;
    let _ana = Person::create(&server.address, "Book club", "Ana", PASSWORD).await.unwrap();
    // Also for a name that is taken.
    let wrong = Person::join(&server.address, "Book club", "Ana", "wrong horse battery").await.err().unwrap();
    let unknown = Person::join(&server.address, "Cook club", "Ana", PASSWORD).await.err().unwrap();
    assert_eq!(wrong, unknown);
    assert_eq!(wrong["code"], "wrong_credentials");
    assert_eq!(wrong["field"], "password");
}

#[tokio::test]
async fn lookalike_names_count_as_taken() {
    let server = Server::start().await;
    let _ana = Person::create(&server.address, "Book club", "Ana", PASSWORD).await.unwrap();
    for name in ["Ana", " ana ", "Аnа", "ＡＮＡ"] {
        let refused = Person::join(&server.address, "Book club", name, PASSWORD).await.err().unwrap();
        assert_eq!((&refused["code"], &refused["field"]), (&"user_name_taken".into(), &"user".into()), "{name}");
    }
    let refused = Person::create(&server.address, "bооk CLUB", "Eve", PASSWORD).await.err().unwrap();
    assert_eq!((&refused["code"], &refused["field"]), (&"room_name_taken".into(), &"room".into()));
}

#[tokio::test]
async fn full_room_refuses_a_newcomer() {
    let server = Server::with(&["--max-members", "2"]).await;
    let _two = two(&server.address).await;
    let refused = Person::join(&server.address, "Book club", "Cy", PASSWORD).await.err().unwrap();
    assert_eq!(refused["code"], "room_full");
}

/// Cuts and restores a connection. `missing` is the number of lost messages; with `None`, they arrive late.
async fn lose_connection_and_reconnect(server: &Server, missing: Option<u64>) {
    let proxy = Proxy::start(&server.address).await;
    let mut ana = Person::create(&server.address, "Book club", "Ana", PASSWORD).await.unwrap();
    let mut bo = Person::join(&proxy.address, "Book club", "Bo", PASSWORD).await.unwrap();
    ana.sees_people(&["Ana", "Bo"]).await;
    ana.say("one").await;
    assert_eq!(bo.hears().await.1, "one");

    proxy.refuse(true);
    proxy.cut();
    bo.wait("offline", |view| view["state"] == "waiting").await;
    ana.wait("Bo away", |view| view["people"][1]["connected"] == false).await;
    ana.say("two").await;
    ana.say("three").await;
    let taken = |view: &Value| view["type"] == "accepted" && view["counter"] == 4;
    ana.wait("taken", taken).await;
    bo.say("typed offline").await;

    proxy.refuse(false);
    bo.network(true).await;
    if let Some(count) = missing {
        let missed = bo.sees("missed").await;
        assert_eq!((&missed["name"], &missed["count"]), (&"Ana".into(), &count.into()));
    } else {
        assert_eq!((bo.hears().await.1, bo.hears().await.1), ("two".into(), "three".into()));
    }
    bo.wait("connected again", |view| view["state"] == "connected").await;

    bo.sees("accepted").await;
    assert_eq!(ana.hears().await, ("Bo".into(), "typed offline".into()));
    ana.say("four").await;
    assert_eq!(bo.hears().await.1, "four");
}

#[tokio::test]
async fn reconnecting_member_gets_missed_messages() {
    lose_connection_and_reconnect(&Server::start().await, None).await;
}

#[tokio::test]
async fn without_a_replay_buffer_missed_messages_are_counted() {
    lose_connection_and_reconnect(&Server::with(&["--max-replay-bytes", "0"]).await, Some(2)).await;
}

/// A picture larger than the replay buffer does not evict the texts before and after it.
#[tokio::test]
async fn large_picture_does_not_evict_texts_from_the_replay_buffer() {
    let server = Server::with(&["--max-replay-bytes", "100000"]).await;
    let proxy = Proxy::start(&server.address).await;
    let mut ana = Person::create(&server.address, "Book club", "Ana", PASSWORD).await.unwrap();
    let mut bo = Person::join(&proxy.address, "Book club", "Bo", PASSWORD).await.unwrap();
    ana.sees_people(&["Ana", "Bo"]).await;
    proxy.refuse(true);
    proxy.cut();
    ana.wait("Bo away", |view| view["people"][1]["connected"] == false).await;
    ana.say("look").await;
    let bytes = vec![7; 200_000];
    let shot = Shot { number: 1, media: Media::Jpeg, width: 640, height: 480, alt: "a cat".into(), bytes };
    ana.shows(&shot).await;
    ana.wait("all is taken", |view| view["type"] == "picture_moved" && view["bytes"] == 200_000).await;
    ana.say("was it not good?").await;
    // The announcement of the member, two texts, the picture's offer, and its thirteen pieces.
    ana.wait("taken", |view| view["type"] == "accepted" && view["counter"] == 17).await;
    proxy.refuse(false);
    bo.network(true).await;
    assert_eq!(bo.hears().await.1, "look");
    bo.sees("picture").await;
    // The replay buffer still holds the last few of the thirteen pieces.
    let missed = bo.sees("missed").await;
    assert!(missed["count"].as_u64().is_some_and(|count| (5..13).contains(&count)), "{missed}");
    assert_eq!(bo.hears().await.1, "was it not good?");
}

#[tokio::test]
async fn no_message_is_duplicated_across_cuts() {
    let server = Server::start().await;
    let proxy = Proxy::start(&server.address).await;
    let mut ana = Person::create(&server.address, "Book club", "Ana", PASSWORD).await.unwrap();
    let mut bo = Person::join(&proxy.address, "Book club", "Bo", PASSWORD).await.unwrap();
    for round in 0..20 {
        // The cut comes before the server's answer, so Bo does not know whether the server took the message.
        bo.say(&round.to_string()).await;
        if round % 2 == 0 {
            proxy.cut();
        }
        bo.wait("taken", |view| view["type"] == "accepted" && view["counter"] == round + 2).await;
    }
    for round in 0..20 {
        assert_eq!(ana.hears().await.1, round.to_string());
    }
}

#[tokio::test]
async fn bad_network_neither_loses_duplicates_nor_reorders_messages() {
    let server = Server::start().await;
    let proxy = Proxy::start(&server.address).await;
    let (mut ana, mut bo) = two(&proxy.address).await;
    let troubles = ["cut", "stall", "crumbs", "cut in crumbs", "late bytes"].repeat(2);
    // The last round has no new fault, only the bytes held back before.
    for (round, trouble) in troubles.into_iter().chain(["none"]).enumerate() {
        proxy.stall(trouble == "stall");
        proxy.fragment(trouble.contains("crumbs"));
        // The bytes held back in the last round arrive now. All of them were already repeated over new connections.
        proxy.hold_back(trouble == "late bytes");
        let texts = (0..10).map(|n| format!("{round} {n}")).collect::<Vec<_>>();
        for (n, text) in texts.iter().enumerate() {
            // Cut in the middle: the remaining messages show that both are connected again before the next round.
            if n == 5 && trouble.starts_with("cut") {
                proxy.cut();
            }
            tokio::join!(ana.say(text), bo.say(text));
        }
        match trouble {
            "stall" => {
                proxy.halts(2).await;
                proxy.stall(false);
            }
            "late bytes" => {
                proxy.halts(2).await;
                proxy.cut();
            }
            _ => {}
        }
        for person in [&mut ana, &mut bo] {
            for text in &texts {
                let heard = person.wait("a message", |view| {
                    let kind = view["type"].as_str().unwrap();
                    assert!(!["missed", "unreadable", "ended"].contains(&kind), "{view}");
                    kind == "message" && view["mine"] == false
                });
                assert_eq!(heard.await["text"], *text);
            }
        }
    }
}

/// A hello that was under way when its connection broke arrives after its member has reconnected.
#[tokio::test]
async fn late_hello_does_not_replace_a_newer_connection() {
    let server = Server::with(&["--log", "cloakroom=debug"]).await;
    let proxy = Proxy::start(&server.address).await;
    let (mut ana, _bo) = two(&server.address).await;
    let mut cy = Person::join(&proxy.address, "Book club", "Cy", PASSWORD).await.unwrap();
    ana.sees_people(&["Ana", "Bo", "Cy"]).await;
    proxy.hold_back_new_connections();
    proxy.cut();
    proxy.halts(1).await;
    // This hello is held back, the next one is not.
    proxy.hold_back(true);
    proxy.cut();
    cy.say("back").await;
    assert_eq!(ana.hears().await.1, "back");
    proxy.hold_back(false);
    server.logged("code=4006").await;
    ana.say("are you there").await;
    assert_eq!(cy.hears().await.1, "are you there");
    cy.say("I am").await;
    assert_eq!(ana.hears().await.1, "I am");
}

#[tokio::test]
async fn disconnected_member_is_removed_after_the_grace_period() {
    let server = Server::with(&["--grace", "1"]).await;
    let (mut ana, mut bo) = two(&server.address).await;
    let proxy = Proxy::start(&server.address).await;
    let mut cy = Person::join(&proxy.address, "Book club", "Cy", PASSWORD).await.unwrap();
    ana.sees_people(&["Ana", "Bo", "Cy"]).await;
    proxy.refuse(true);
    proxy.cut();
    let left = ana.sees("left").await;
    assert_eq!((&left["name"], &left["lost"]), (&"Cy".into(), &true.into()));
    // The name is free again, and its next owner is a new member.
    let new = Person::join(&server.address, "Book club", "Cy", PASSWORD).await.unwrap();
    assert_ne!(new.farewell["member_id"], cy.farewell["member_id"]);
    // The removed member is told, and offered to make the room again.
    proxy.refuse(false);
    cy.wait("offline", |view| view["state"] == "waiting").await;
    cy.network(true).await;
    let ended = cy.sees("ended").await;
    assert_eq!((&ended["code"], &ended["remake"]), (&"unknown_token".into(), &true.into()));
    bo.say("still here").await;
    assert_eq!(ana.hears().await.1, "still here");
}

/// A member that knows the password and never sends a message is on everyone's list until the server removes it.
#[tokio::test(flavor = "multi_thread")]
async fn silent_member_is_listed_until_it_is_removed() {
    let server = Server::start().await;
    let mut ana = Person::create(&server.address, "Book club", "Ana", PASSWORD).await.unwrap();
    let mut bo = Person::join(&server.address, "Book club", "Bo", PASSWORD).await.unwrap();
    let mut mallory = Person::join_silently(&server.address, "Book club", "Mallory", PASSWORD).await;
    for person in [&mut ana, &mut bo] {
        person.wait("news of Mallory", |view| view["type"] == "entered" && view["name"] == "Mallory").await;
        let shown = person.wait("Mallory on the list", |view| view["people"][2]["name"] == "Mallory").await;
        assert_eq!(shown["people"][2]["place"], "coming");
    }
    // Mallory can read this, and both others see that.
    ana.say("hello").await;
    assert_eq!(mallory.hears().await, ("Ana".to_owned(), "hello".to_owned()));
    for person in [&mut ana, &mut bo] {
        let left = person.sees("left").await;
        assert_eq!((&left["name"], &left["here"]), (&"Mallory".into(), &false.into()));
        person.sees_people(&["Ana", "Bo"]).await;
    }
}

/// A member that was alone in the group has added another one that no frame names. Newcomers refuse that group.
#[tokio::test(flavor = "multi_thread")]
async fn newcomers_refuse_a_group_with_a_hidden_member() {
    let server = Server::start().await;
    let mut mallory = Person::create(&server.address, "Book club", "Mallory", PASSWORD).await.unwrap();
    mallory.admits_unnamed_member(900, "Ghost").await;
    let join = |name| Person::set_out(&server.address, Intent::Join, "Book club", name, PASSWORD, false);
    let mut ana = join("Ana");
    ana.sees("unlisted").await;
    let end = ana.wait("the end", |view| {
        assert!(view["type"] != "people" && view["state"] != "connected", "{view}");
        view["type"] == "ended"
    });
    let words = end.await["words"].take();
    assert!(words.as_str().unwrap().contains("somebody could read unseen"), "{words}");

    // If two are kept out, they give up, or their reports outweigh Mallory's and the room is founded anew.
    for person in &mut [join("Ana"), join("Bo")] {
        person
            .wait("the end, or a room without Mallory", |view| {
                let people = view["people"].as_array().into_iter().flatten();
                let mut names = people.map(|person| person["name"].as_str().unwrap());
                assert!(!names.any(|name| name == "Mallory" || name == "Ghost"), "{view}");
                view["type"] == "ended" || view["type"] == "people"
            })
            .await;
    }
}

#[tokio::test]
async fn room_ends_when_its_last_member_is_lost() {
    let server = Server::with(&["--grace", "1", "--log", "cloakroom=debug"]).await;
    let ana = Person::create(&server.address, "Book club", "Ana", PASSWORD).await.unwrap();
    drop(ana);
    server.logged("room removed rooms=0").await;
    Person::create(&server.address, "Book club", "Bo", PASSWORD).await.unwrap();
}

#[tokio::test]
async fn restart_forgets_all_rooms_and_members_are_told() {
    let mut server = Server::start().await;
    let (mut ana, _bo) = two(&server.address).await;
    server.terminate();
    let waiting = ana.wait("offline", |view| view["state"] == "waiting").await;
    assert_eq!(waiting["words"], "The server is restarting.");
    assert!(server.ended().await);
    let _new = Server::with(&["--listen", &server.address]).await;
    let ended = ana.sees("ended").await;
    assert_eq!((&ended["code"], &ended["remake"]), (&"unknown_token".into(), &true.into()));
}

#[tokio::test]
async fn open_connections_do_not_delay_shutdown() {
    let mut server = Server::start().await;
    let _two = two(&server.address).await;
    // A connection that never sends anything.
    let _silent = tokio::net::TcpStream::connect(&server.address).await.unwrap();
    server.terminate();
    assert!(server.ended().await);
    assert!(!server.log().contains("still open"), "{}", server.log());
}

#[tokio::test]
async fn six_people_hear_messages_in_order() {
    six_people_talk(Server::start().await).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn six_people_hear_messages_in_order_on_one_core() {
    let server = Server::on_one_core().await;
    let threads = std::fs::read_dir(format!("/proc/{}/task", server.pid())).unwrap();
    let name = |thread: std::path::PathBuf| std::fs::read_to_string(thread.join("comm")).unwrap();
    let mut names = threads.map(|thread| name(thread.unwrap().path())).collect::<Vec<_>>();
    names.sort();
    // The log has its own thread, because its reader may be slow. One thread does everything else.
    assert_eq!(names, ["cloakroom\n", "log\n"]);
    six_people_talk(server).await;
}

async fn six_people_talk(server: Server) {
    let mut first = Person::create(&server.address, "Crowd", "P0", PASSWORD).await.unwrap();
    let mut others = Vec::new();
    for n in 1..6 {
        others.push(Person::join(&server.address, "Crowd", &format!("P{n}"), PASSWORD).await.unwrap());
    }
    first.wait("all six", |view| view["people"].as_array().is_some_and(|people| people.len() == 6)).await;
    for round in 0..20 {
        for (n, person) in others.iter_mut().enumerate() {
            person.say(&format!("{n} {round}")).await;
        }
    }
    let mut heard = Vec::new();
    for _ in 0..100 {
        heard.push(first.hears().await.1);
    }
    for n in 0..5 {
        let of_one = heard.iter().filter(|text| text.starts_with(&format!("{n} "))).cloned().collect::<Vec<_>>();
        assert_eq!(of_one, (0..20).map(|round| format!("{n} {round}")).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn picture_arrives_despite_a_lost_connection() {
    let server = Server::start().await;
    let (mut ana, mut bo) = two(&server.address).await;
    let bytes = (0..1024 * 1024).map(|at| (at / 250) as u8).collect::<Vec<_>>();
    let shot = Shot { number: 1, media: Media::Jpeg, width: 640, height: 480, alt: "a cat".into(), bytes };
    ana.shows(&shot).await;
    let shown = bo.sees("picture").await;
    assert_eq!((&shown["name"], &shown["alt"]), (&"Ana".into(), &"a cat".into()));
    bo.sees("picture_moved").await;
    ana.lose_connection().await;
    ana.say("meanwhile").await;
    assert!(bo.sees_picture().await == ("image/jpeg".into(), [640, 480], shot.bytes.clone()));
    ana.wait("all is taken", |view| view["type"] == "picture_moved" && view["bytes"] == shot.bytes.len()).await;
    // A picture that is cancelled while it is sent.
    ana.shows(&Shot { number: 2, ..shot.clone() }).await;
    let number = bo.sees("picture").await["picture"].clone();
    ana.cancels(2).await;
    let ended = bo.sees("picture_ended").await;
    assert_eq!((&ended["picture"], &ended["why"]), (&number, &"cancelled".into()));
    ana.say("still here").await;
    assert_eq!(bo.hears().await.1, "still here");
}
