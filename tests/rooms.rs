//! Two clients and more, the real core in each, over real sockets to the real server.

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
async fn two_people_talk_and_leave_nothing_behind() {
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

    // The room is gone: its password opens nothing, and its name is free.
    let refused = Person::join(&server.address, "Book club", "Bo", PASSWORD).await.err().unwrap();
    assert_eq!(refused["code"], "wrong_credentials");
    let mut cy = Person::create(&server.address, "Book club", "Ana", "another password").await.unwrap();
    cy.sees_people(&["Ana"]).await;
    let refused = Person::join(&server.address, "Book club", "Bo", PASSWORD).await.err().unwrap();
    assert_eq!(refused["code"], "wrong_credentials");
}

#[tokio::test]
async fn an_unknown_room_and_a_wrong_password_are_told_alike() {
    let server = Server::start().await;
    let _ana = Person::create(&server.address, "Book club", "Ana", PASSWORD).await.unwrap();
    // Even for a name that is taken, and in a room that is full.
    let wrong = Person::join(&server.address, "Book club", "Ana", "wrong horse battery").await.err().unwrap();
    let unknown = Person::join(&server.address, "Cook club", "Ana", PASSWORD).await.err().unwrap();
    assert_eq!(wrong, unknown);
    assert_eq!(wrong["code"], "wrong_credentials");
    assert_eq!(wrong["field"], "password");
}

#[tokio::test]
async fn names_are_taken_by_what_looks_the_same() {
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
async fn a_full_room_says_so() {
    let server = Server::with(&["--max-members", "2"]).await;
    let _two = two(&server.address).await;
    let refused = Person::join(&server.address, "Book club", "Cy", PASSWORD).await.err().unwrap();
    assert_eq!(refused["code"], "room_full");
}

/// `missing`: how many messages are gone; if none, they come late.
async fn lose_and_come_back(server: &Server, missing: Option<u64>) {
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
async fn a_lost_connection_comes_back_and_misses_nothing() {
    lose_and_come_back(&Server::start().await, None).await;
}

#[tokio::test]
async fn where_nothing_is_kept_what_was_missed_is_said() {
    lose_and_come_back(&Server::with(&["--max-replay-bytes", "0"]).await, Some(2)).await;
}

/// A picture that is larger than what is kept does not push out what is said before and after it.
#[tokio::test]
async fn a_picture_does_not_cost_one_the_words() {
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
    // *Here*, two texts, and a picture in thirteen pieces behind what says that it comes.
    ana.wait("taken", |view| view["type"] == "accepted" && view["counter"] == 17).await;
    proxy.refuse(false);
    bo.network(true).await;
    assert_eq!(bo.hears().await.1, "look");
    bo.sees("picture").await;
    // Of thirteen pieces the last few are there still.
    let missed = bo.sees("missed").await;
    assert!(missed["count"].as_u64().is_some_and(|count| (5..13).contains(&count)), "{missed}");
    assert_eq!(bo.hears().await.1, "was it not good?");
}

#[tokio::test]
async fn nothing_is_doubled_across_cuts() {
    let server = Server::start().await;
    let proxy = Proxy::start(&server.address).await;
    let mut ana = Person::create(&server.address, "Book club", "Ana", PASSWORD).await.unwrap();
    let mut bo = Person::join(&proxy.address, "Book club", "Bo", PASSWORD).await.unwrap();
    for round in 0..20 {
        // The cut comes before the server's answer can: whether it took the message is not known to Bo.
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
async fn a_bad_line_loses_doubles_and_mixes_up_nothing() {
    let server = Server::start().await;
    let proxy = Proxy::start(&server.address).await;
    let (mut ana, mut bo) = two(&proxy.address).await;
    let troubles = ["cut", "stall", "crumbs", "cut in crumbs", "late bytes"].repeat(2);
    // At last there is no more trouble than what comes late.
    for (round, trouble) in troubles.into_iter().chain(["none"]).enumerate() {
        proxy.stall(trouble == "stall");
        proxy.crumble(trouble.contains("crumbs"));
        // What the last round held back comes now: all of it has been heard over new connections.
        proxy.hold_back(trouble == "late bytes");
        let texts = (0..10).map(|n| format!("{round} {n}")).collect::<Vec<_>>();
        for (n, text) in texts.iter().enumerate() {
            // In the middle, so that what is heard of the rest shows that both are back before the next round.
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

/// A hello that was on its way when its connection broke is late, and its member is there already.
#[tokio::test]
async fn a_late_hello_puts_nobody_out() {
    let server = Server::with(&["--log", "cloakroom=debug"]).await;
    let proxy = Proxy::start(&server.address).await;
    let (mut ana, _bo) = two(&server.address).await;
    let mut cy = Person::join(&proxy.address, "Book club", "Cy", PASSWORD).await.unwrap();
    ana.sees_people(&["Ana", "Bo", "Cy"]).await;
    proxy.hold_back_new();
    proxy.cut();
    proxy.halts(1).await;
    // That one stays back, the next does not.
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
async fn who_does_not_come_back_is_gone_after_the_grace() {
    let server = Server::with(&["--grace", "1"]).await;
    let (mut ana, mut bo) = two(&server.address).await;
    let proxy = Proxy::start(&server.address).await;
    let mut cy = Person::join(&proxy.address, "Book club", "Cy", PASSWORD).await.unwrap();
    ana.sees_people(&["Ana", "Bo", "Cy"]).await;
    proxy.refuse(true);
    proxy.cut();
    let left = ana.sees("left").await;
    assert_eq!((&left["name"], &left["lost"]), (&"Cy".into(), &true.into()));
    // The name is free again, and who takes it is someone new.
    let new = Person::join(&server.address, "Book club", "Cy", PASSWORD).await.unwrap();
    assert_ne!(new.admitted["member_id"], cy.admitted["member_id"]);
    // The old one is told, and offered to make the room again.
    proxy.refuse(false);
    cy.wait("offline", |view| view["state"] == "waiting").await;
    cy.network(true).await;
    let ended = cy.sees("ended").await;
    assert_eq!((&ended["code"], &ended["remake"]), (&"unknown_token".into(), &true.into()));
    bo.say("still here").await;
    assert_eq!(ana.hears().await.1, "still here");
}

/// A member that knows the password and never says a word is on everyone's list until the server removes it.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_member_is_shown_and_so_is_its_end() {
    let server = Server::start().await;
    let mut ana = Person::create(&server.address, "Book club", "Ana", PASSWORD).await.unwrap();
    let mut bo = Person::join(&server.address, "Book club", "Bo", PASSWORD).await.unwrap();
    let mut mallory = Person::join_silently(&server.address, "Book club", "Mallory", PASSWORD).await;
    for person in [&mut ana, &mut bo] {
        person.wait("news of Mallory", |view| view["type"] == "entered" && view["name"] == "Mallory").await;
        let shown = person.wait("Mallory on the list", |view| view["people"][2]["name"] == "Mallory").await;
        assert_eq!(shown["people"][2]["place"], "coming");
    }
    // It can read this, and both know.
    ana.say("hello").await;
    assert_eq!(mallory.hears().await, ("Ana".to_owned(), "hello".to_owned()));
    for person in [&mut ana, &mut bo] {
        let left = person.sees("left").await;
        assert_eq!((&left["name"], &left["here"]), (&"Mallory".into(), &false.into()));
        person.sees_people(&["Ana", "Bo"]).await;
    }
}

/// A member that was alone in the group has let somebody in whom no frame names: nobody else goes into that group.
#[tokio::test(flavor = "multi_thread")]
async fn a_group_with_a_hidden_member_is_not_gone_into() {
    let server = Server::start().await;
    let mut mallory = Person::create(&server.address, "Book club", "Mallory", PASSWORD).await.unwrap();
    mallory.haunts(900, "Ghost").await;
    let join = |name| Person::set_out(&server.address, Intent::Join, "Book club", name, PASSWORD, false);
    let mut ana = join("Ana");
    ana.sees("unlisted").await;
    let end = ana.wait("the end", |view| {
        assert!(view["type"] != "people" && view["state"] != "connected", "{view}");
        view["type"] == "ended"
    });
    let words = end.await["words"].take();
    assert!(words.as_str().unwrap().contains("somebody could read unseen"), "{words}");

    // Where two are kept out, it is they who give up, or their word counts for more and the room begins anew.
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
async fn the_last_lost_connection_takes_the_room_along() {
    let server = Server::with(&["--grace", "1", "--log", "cloakroom=debug"]).await;
    let ana = Person::create(&server.address, "Book club", "Ana", PASSWORD).await.unwrap();
    drop(ana);
    server.logged("room removed rooms=0").await;
    Person::create(&server.address, "Book club", "Bo", PASSWORD).await.unwrap();
}

#[tokio::test]
async fn a_restart_forgets_all_rooms_and_says_so() {
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
async fn open_connections_do_not_hold_up_the_end() {
    let mut server = Server::start().await;
    let _two = two(&server.address).await;
    // One that never says anything, and one in the middle of a request.
    let _silent = tokio::net::TcpStream::connect(&server.address).await.unwrap();
    server.terminate();
    assert!(server.ended().await);
    assert!(!server.log().contains("still open"), "{}", server.log());
}

#[tokio::test]
async fn many_people_in_one_order() {
    many_people(Server::start().await).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn many_people_where_there_is_one_core() {
    let server = Server::on_one_core().await;
    let threads = std::fs::read_dir(format!("/proc/{}/task", server.pid())).unwrap();
    let name = |thread: std::path::PathBuf| std::fs::read_to_string(thread.join("comm")).unwrap();
    let mut names = threads.map(|thread| name(thread.unwrap().path())).collect::<Vec<_>>();
    names.sort();
    // The log may have to wait for its reader; all else is done by one.
    assert_eq!(names, ["cloakroom\n", "log\n"]);
    many_people(server).await;
}

async fn many_people(server: Server) {
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
async fn a_picture_arrives_through_a_lost_connection() {
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
    // And one that is thought better of.
    ana.shows(&Shot { number: 2, ..shot.clone() }).await;
    let number = bo.sees("picture").await["picture"].clone();
    ana.cancels(2).await;
    let ended = bo.sees("picture_ended").await;
    assert_eq!((&ended["picture"], &ended["why"]), (&number, &"cancelled".into()));
    ana.say("still here").await;
    assert_eq!(bo.hears().await.1, "still here");
}
