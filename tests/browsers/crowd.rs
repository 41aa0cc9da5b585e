//! Several people at once: who comes, goes, and gets lost in the same moment.

use futures_util::future::join_all;
use support::{
    browser::{Engine, Person, eventually, play},
    client,
    proxy::Proxy,
    server::Server,
};

with_each_engine! { five_at_once reloading_again_and_again loss_while_another_leaves two_leaving_together ten_cuts }

const ROOM: &str = "Book club";
const PASSWORD: &str = "correct horse battery";

/// Everyone sees the same people, whatever the order of their coming.
async fn are_together(people: &[&Person], names: &[&str]) {
    for person in people {
        eventually(&format!("{} is with {names:?}", person.name()), async || {
            let mut seen = person.people().await;
            seen.sort();
            (seen == names).then_some(())
        })
        .await;
    }
}

async fn five_at_once(engine: Engine) {
    let server = Server::start().await;
    let origin = server.origin();
    play(&format!("five at once, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        ana.creates(&origin, ROOM, PASSWORD).await;
        let mut five = Vec::new();
        for (name, engine) in ["Bo", "Cy", "Dee", "Eli", "Fay"].iter().zip([engine.other(), engine].iter().cycle()) {
            five.push(scene.person(name, *engine).await);
        }
        join_all(five.iter().map(|person| person.joins(&origin, ROOM, PASSWORD))).await;
        let everyone = five.iter().chain([&ana]).collect::<Vec<_>>();
        are_together(&everyone, &["Ana", "Bo", "Cy", "Dee", "Eli", "Fay"]).await;
        join_all(everyone.iter().map(|person| person.says_pasted(person.name()))).await;
        for person in everyone {
            eventually(&format!("{} hears them all", person.name()), async || {
                let mut said = person.messages().await;
                said.sort();
                (said == ["Ana", "Bo", "Cy", "Dee", "Eli", "Fay"]).then_some(())
            })
            .await;
        }
    })
    .await;
}

async fn reloading_again_and_again(engine: Engine) {
    let server = Server::start().await;
    let origin = server.origin();
    play(&format!("reloading again and again, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine.other()).await;
        let bo = scene.person("Bo", engine).await;
        ana.creates(&origin, ROOM, PASSWORD).await;
        bo.joins(&origin, ROOM, PASSWORD).await;
        for round in 1..=5 {
            ana.is_with(&["Ana", "Bo"]).await;
            bo.says(&format!("visit {round}")).await;
            ana.hears(&format!("visit {round}")).await;
            bo.turns("refresh").await;
            bo.knocks(ROOM, "Bo", PASSWORD, "Join room").await;
            bo.is_in().await;
        }
        ana.says("still here").await;
        bo.hears("still here").await;
        assert_eq!(bo.messages().await, ["still here"], "nothing from before comes back");
        assert_eq!(ana.messages().await.len(), 6);
    })
    .await;
}

async fn loss_while_another_leaves(engine: Engine) {
    let server = Server::start().await;
    let proxy = Proxy::start(&server.address).await;
    let shaky = proxy.address.replace("127.0.0.1", "http://localhost");
    play(&format!("loss while another leaves, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine.other()).await;
        let bo = scene.person("Bo", engine).await;
        ana.creates(&server.origin(), ROOM, PASSWORD).await;
        bo.joins(&shaky, ROOM, PASSWORD).await;
        let mut cy = client::Person::join(&server.address, ROOM, "Cy", PASSWORD).await.unwrap();
        cy.say("hello").await;
        bo.hears("hello").await;

        proxy.refuse(true);
        proxy.cut();
        eventually("Ana sees that Bo is away", async || ana.text().await.contains("connecting…").then_some(())).await;
        cy.leave().await;
        ana.reads("Cy left").await;
        ana.says("Cy is gone").await;
        proxy.refuse(false);
        bo.hears("Cy is gone").await;
        bo.reads("Cy left").await;
        are_together(&[&ana, &bo], &["Ana", "Bo"]).await;
        bo.says("so I see").await;
        ana.hears("so I see").await;
    })
    .await;
}

async fn two_leaving_together(engine: Engine) {
    let server = Server::start().await;
    let origin = server.origin();
    play(&format!("two leaving together, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        let (bo, cy) = (scene.person("Bo", engine.other()).await, scene.person("Cy", engine).await);
        ana.creates(&origin, ROOM, PASSWORD).await;
        bo.joins(&origin, ROOM, PASSWORD).await;
        cy.joins(&origin, ROOM, PASSWORD).await;
        are_together(&[&ana, &bo, &cy], &["Ana", "Bo", "Cy"]).await;
        tokio::join!(bo.press("Leave room"), cy.press("Leave room"));
        ana.is_with(&["Ana"]).await;
        ana.reads("Bo left").await;
        ana.reads("Cy left").await;
        let mut dee = client::Person::join(&server.address, ROOM, "Dee", PASSWORD).await.unwrap();
        dee.say("am I late?").await;
        ana.hears("am I late?").await;
        ana.says("Just in time").await;
        assert_eq!(dee.hears().await.1, "Just in time");
    })
    .await;
}

async fn ten_cuts(engine: Engine) {
    const EACH: usize = 100;
    let server = Server::start().await;
    let proxy = Proxy::start(&server.address).await;
    let shaky = proxy.address.replace("127.0.0.1", "http://localhost");
    play(&format!("ten cuts, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        let bo = scene.person("Bo", engine.other()).await;
        ana.creates(&shaky, ROOM, PASSWORD).await;
        bo.joins(&shaky, ROOM, PASSWORD).await;
        let texts = |person: &Person| (1..=EACH).map(|n| format!("{} {n}", person.name())).collect::<Vec<_>>();
        let speaks = async |person: &Person, cuts: bool| {
            for (count, text) in texts(person).iter().enumerate() {
                person.says_pasted(text).await;
                if cuts && count % 10 == 5 {
                    proxy.cut();
                }
            }
        };
        tokio::join!(speaks(&ana, true), speaks(&bo, false));
        for person in [&ana, &bo] {
            for speaker in [&ana, &bo] {
                let of = |said: Vec<String>| {
                    said.into_iter().filter(|text| text.starts_with(speaker.name())).collect::<Vec<_>>()
                };
                let what = format!("{} has what {} said", person.name(), speaker.name());
                eventually(&what, async || (of(person.messages().await).len() >= EACH).then_some(())).await;
                assert_eq!(of(person.messages().await), texts(speaker), "{what}, once each and in order");
            }
            eventually("all is sent", async || {
                let text = person.text().await;
                (!text.contains("sending…") && !text.contains("not sent")).then_some(())
            })
            .await;
            assert!(!person.text().await.contains("did not arrive"));
        }
    })
    .await;
}
