//! Several people at once: who comes, goes, and gets lost in the same moment.

use std::ops::Range;

use futures_util::future::join_all;
use support::{
    browser::{Engine, Person, eventually, play},
    client,
    proxy::Proxy,
    server::Server,
};

with_engines_in_turn! {
    chromium: five_at_once loss_while_another_leaves ten_troubles;
    firefox: reloading_again_and_again two_leaving_together;
}

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

/// What befalls a line.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    Cut,
    Stall,
    Crumbs,
    CutInCrumbs,
    LateBytes,
}

async fn ten_troubles(engine: Engine) {
    use Trouble::{Crumbs, Cut, CutInCrumbs, LateBytes, Stall};
    const TROUBLES: [Trouble; 10] =
        [Cut, Stall, Crumbs, LateBytes, CutInCrumbs, Stall, Cut, LateBytes, CutInCrumbs, LateBytes];
    const EACH: usize = 10 * TROUBLES.len();
    let server = Server::start().await;
    let proxy = Proxy::start(&server.address).await;
    let shaky = proxy.address.replace("127.0.0.1", "http://localhost");
    play(&format!("ten troubles, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        let bo = scene.person("Bo", engine.other()).await;
        ana.creates(&shaky, ROOM, PASSWORD).await;
        bo.joins(&shaky, ROOM, PASSWORD).await;
        let text = |person: &Person, n: usize| format!("{} {n}", person.name());
        let texts = |person: &Person| (0..EACH).map(|n| text(person, n)).collect::<Vec<_>>();
        let says = async |person: &Person, which: Range<usize>| {
            for n in which {
                person.says_pasted(&text(person, n)).await;
            }
        };
        let both_say = async |which: Range<usize>| tokio::join!(says(&ana, which.clone()), says(&bo, which));
        let reads = async |person: &Person, text: String| {
            let what = format!("{} reads {text:?}", person.name());
            eventually(&what, async || person.messages().await.contains(&text).then_some(())).await;
        };
        let both_read = async |n: usize| tokio::join!(reads(&ana, text(&bo, n)), reads(&bo, text(&ana, n)));
        for (trouble, at) in TROUBLES.into_iter().zip((0..EACH).step_by(10)) {
            both_say(at..at + 3).await;
            match trouble {
                Cut => proxy.cut(),
                Stall => proxy.stall(true),
                Crumbs | CutInCrumbs => proxy.fragment(true),
                LateBytes => {
                    // Only who is connected can be held back.
                    both_read(at + 2).await;
                    proxy.hold_back(true);
                }
            }
            both_say(at + 3..at + 7).await;
            match trouble {
                Cut => {}
                Stall => {
                    proxy.halts(2).await;
                    proxy.stall(false);
                }
                Crumbs => proxy.fragment(false),
                CutInCrumbs => {
                    proxy.cut();
                    proxy.fragment(false);
                }
                LateBytes => {
                    proxy.halts(2).await;
                    proxy.cut();
                    // All has gone over the new connections before it goes over the old ones.
                    both_read(at + 6).await;
                    proxy.hold_back(false);
                }
            }
            both_say(at + 7..at + 10).await;
        }
        for person in [&ana, &bo] {
            for speaker in [&ana, &bo] {
                let of = |said: Vec<String>| {
                    said.into_iter().filter(|text| text.starts_with(speaker.name())).collect::<Vec<_>>()
                };
                let what = format!("{} has what {} said", person.name(), speaker.name());
                eventually(&what, async || (of(person.messages().await).len() >= EACH).then_some(())).await;
                assert_eq!(of(person.messages().await), texts(speaker), "{what}, once each and in order");
            }
            // The text of the whole log: what is scrolled out of sight is left out of what can be read.
            let script = "return document.querySelector('[role=log]').textContent";
            let log = async || person.runs(script, &[]).await.as_str().unwrap().to_owned();
            eventually("all is sent", async || {
                let log = log().await;
                (!log.contains("sending…") && !log.contains("not sent")).then_some(())
            })
            .await;
            let log = log().await;
            assert!(!log.contains("did not arrive") && !log.contains("A message from "), "{log}");
        }
    })
    .await;
}
