//! The log: what belongs together, what is new, where one is, and what can be done with a message.

use serde_json::{Value, json};
use support::{
    browser::{Engine, Person, Work, eventually, key, message, play, play_alone},
    server::Server,
};

with_each_engine! { groups_and_days further_up copying_by_keyboard ten_thousand_messages }
with_engines_in_turn! { firefox: coming_back_to_the_page; }

const PASSWORD: &str = "correct horse battery";
const HOUR: u64 = 60 * 60 * 1000;
/// A quarter to midnight in UTC, on some Friday.
const EVENING: u64 = 1_795_218_300_000;

/// The log line by line, as it is seen.
async fn lines(person: &Person) -> Vec<String> {
    let log = person.by_role("log", "Messages").await;
    let script = "return [...arguments[0].querySelectorAll('.group__head:not(.unseen) bdi, .message__text, .note, .day, .marker')]
        .filter((line) => line.checkVisibility()).map((line) => line.textContent)";
    let lines = person.runs(script, &[log.to_value()]).await;
    lines.as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned()).collect()
}

async fn groups_and_days(engine: Engine) {
    let server = Server::start().await;
    play(&format!("groups and days, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        ana.rehearses(&server.origin()).await;
        ana.is_told(&[
            message(2, "Bo", "one", EVENING),
            message(2, "Bo", "two", EVENING + 1000),
            message(1, "Ana", "three", EVENING + 2000),
            message(2, "Bo", "four", EVENING + 3000),
            message(2, "Bo", "five", EVENING + HOUR),
            message(2, "Bo", "six", EVENING + 25 * HOUR),
        ])
        .await;
        // Where midnight is depends on where the browser is.
        let script = "return new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' })
            .format(arguments[0])";
        let mut days = Vec::new();
        for at in [EVENING, EVENING + HOUR, EVENING + 25 * HOUR] {
            days.push(ana.runs(script, &[json!(at)]).await.as_str().unwrap().to_owned());
        }
        let mut expected = ["Bo", "one", "two", "Ana", "three", "Bo", "four"].map(str::to_owned).to_vec();
        for (index, text) in [(1, "five"), (2, "six")] {
            if days[index] != days[index - 1] {
                expected.push(days[index].clone());
            }
            expected.extend(["Bo".to_owned(), text.to_owned()]);
        }
        assert!(expected.len() > 11, "at least one midnight lies between: {days:?}");
        let seen = lines(&ana).await;
        let first = seen.iter().position(|line| line == "Bo").unwrap();
        assert_eq!(seen[first..], expected);

        let times = "return [...document.querySelectorAll('.log time')].map(({ dateTime }) => Date.parse(dateTime))";
        let told = [0, 1000, 2000, 3000, HOUR, 25 * HOUR].map(|later| EVENING + later);
        assert_eq!(ana.runs(times, &[]).await, json!(told), "each message tells when it came");
        let in_sight = "return [...document.querySelectorAll('.log time')].map((time) => time.offsetWidth > 1)";
        let heads = [true, false, true, true, true, true];
        assert_eq!(ana.runs(in_sight, &[]).await, json!(heads), "the eye finds it at the head of each group");
    })
    .await;
}

async fn coming_back_to_the_page(engine: Engine) {
    let server = Server::start().await;
    let origin = server.origin();
    play(&format!("coming back to the page, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        let bo = scene.person("Bo", engine.other()).await;
        ana.creates(&origin, "Book club", PASSWORD).await;
        bo.joins(&origin, "Book club", PASSWORD).await;
        bo.says("seen").await;
        ana.hears("seen").await;
        assert!(!ana.text().await.contains("New messages"));

        let room = ana.looks_away().await;
        for number in 1..=30 {
            bo.says(&format!("unseen {number}")).await;
        }
        ana.gets_unseen("unseen 30").await;
        ana.looks_back(&room).await;
        ana.hears("unseen 30").await;
        let seen = lines(&ana).await;
        let marker = seen.iter().position(|line| line == "New messages").expect("there is a line");
        assert_eq!(seen[marker - 1], "seen");
        assert_eq!(seen[marker + 2], "unseen 1");
        let above = "const { top } = document.querySelector('.marker').getBoundingClientRect();
            return top - document.getElementById('messages').getBoundingClientRect().top";
        eventually("one goes on reading where one had left off", async || {
            (ana.runs(above, &[]).await.as_f64()?.abs() < 2.0).then_some(())
        })
        .await;

        ana.press("Jump to latest").await;
        eventually("the end", async || (!ana.sees("button", "Jump to latest").await).then_some(())).await;
        ana.says("caught up").await;
        ana.hears("caught up").await;
        assert!(!ana.text().await.contains("New messages"), "who writes has read");
    })
    .await;
}

async fn further_up(engine: Engine) {
    let server = Server::start().await;
    play(&format!("further up, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        ana.rehearses(&server.origin()).await;
        let early: Vec<Value> = (0..100).map(|n| message(2, "Bo", &format!("early {n}"), EVENING + n)).collect();
        ana.is_told(&early).await;
        let log = ana.by_role("log", "Messages").await;
        let top = async || ana.runs("return arguments[0].scrollTop", &[log.to_value()]).await.as_f64().unwrap();
        eventually("it is at the end", async || (top().await > 1000.0).then_some(())).await;
        assert!(!ana.sees("button", "Jump to latest").await);

        ana.runs("arguments[0].scrollTop -= 900", &[log.to_value()]).await;
        ana.by_role("button", "Jump to latest").await;
        let place = top().await;
        ana.is_told(&[message(2, "Bo", "late 1", EVENING + 200), message(2, "Bo", "late 2", EVENING + 201)]).await;
        let jump = ana.by_role("button", "Jump to latest").await;
        eventually("it says how many came", async || {
            let words = ana.runs("return arguments[0].textContent", &[jump.to_value()]).await;
            words.as_str()?.contains("2 new").then_some(())
        })
        .await;
        assert!((top().await - place).abs() < 1.0, "the place is kept");
        let seen = lines(&ana).await;
        assert_eq!(seen[seen.len() - 4..], ["New messages", "Bo", "late 1", "late 2"]);

        ana.press("Jump to latest").await;
        eventually("it is at the end", async || (top().await > place + 800.0).then_some(())).await;
        assert!(!ana.sees("button", "Jump to latest").await);
        assert!(ana.is_on(&log).await);

        // One's own message brings the end into view, from however far up.
        ana.runs("arguments[0].scrollTop = 0", &[log.to_value()]).await;
        ana.by_role("button", "Jump to latest").await;
        ana.is_told(&[message(1, "Ana", "mine", EVENING + 300)]).await;
        eventually("it is at the end", async || (top().await > place + 800.0).then_some(())).await;
        assert!(!ana.sees("button", "Jump to latest").await);
    })
    .await;
}

async fn copying_by_keyboard(engine: Engine) {
    let server = Server::start().await;
    play(&format!("copying by keyboard, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        ana.creates(&server.origin(), "Book club", PASSWORD).await;
        for text in ["first", "<b>second</b> & more", "third"] {
            ana.says(text).await;
        }
        ana.hears("third").await;
        assert!(!ana.sees("button", "Copy message").await);
        let log = ana.by_role("log", "Messages").await;
        ana.runs("arguments[0].focus()", &[log.to_value()]).await;
        ana.strikes(&[key::UP, key::UP]).await;
        let chosen = ana.finds("return document.activeElement").await;
        let name = ana.name_of(&chosen).await;
        assert!(name.starts_with("Ana <b>second</b> & more "), "who, what and when is read out: {name}");
        ana.strikes(&[key::TAB]).await;
        let copy = ana.by_role("button", "Copy message").await;
        assert!(ana.is_on(&copy).await);
        ana.strikes(&[key::ENTER]).await;
        eventually("it says so", async || ana.text().await.contains("Copied").then_some(())).await;
        ana.strikes(&[key::ESCAPE, key::ESCAPE]).await;
        assert!(ana.is_on(&log).await);
        assert!(!ana.sees("button", "Copy message").await);

        ana.fills("Message", "").await;
        ana.strikes_with(key::CONTROL, "v").await;
        assert_eq!(ana.value("Message").await, "<b>second</b> & more");

        // Links are stops on the way, those of the chosen message alone.
        ana.says("see https://example.org/a").await;
        ana.says("see https://example.org/b").await;
        ana.hears("see https://example.org/b").await;
        ana.runs("arguments[0].focus()", &[log.to_value()]).await;
        ana.strikes(&[key::UP, key::UP, key::TAB]).await;
        let link = ana.by_role("link", "https://example.org/a").await;
        assert!(ana.is_on(&link).await);
        ana.strikes(&[key::TAB]).await;
        assert!(ana.is_on(&copy).await);
        ana.strikes(&[key::ESCAPE, key::ESCAPE]).await;

        // The mouse finds the same.
        let script = "return [...document.querySelectorAll('.message')][0]";
        let first = ana.finds(script).await;
        ana.points_at(&first).await;
        ana.press("Copy message").await;
        ana.fills("Message", "").await;
        ana.strikes_with(key::CONTROL, "v").await;
        assert_eq!(ana.value("Message").await, "first");
    })
    .await;
}

/// Work in a long log is compared with the same work in one of a tenth, on the same machine a moment before.
async fn ten_thousand_messages(engine: Engine) {
    let server = Server::start().await;
    play_alone(&format!("ten thousand messages, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        ana.rehearses(&server.origin()).await;
        let mut told = 0;
        grows_to(&ana, &mut told, 500).await;
        let telling = grows_to(&ana, &mut told, 1000).await;
        let scrolling = [scrolls(&ana, 100).await, scrolls(&ana, 1000).await];
        grows_to(&ana, &mut told, 9500).await;
        let telling_on = grows_to(&ana, &mut told, 10_000).await;
        let scrolling_on = [scrolls(&ana, 100).await, scrolls(&ana, 1000).await];
        let figures = format!("{telling} and {telling_on} s to tell, {scrolling:?} and {scrolling_on:?} s to scroll");
        println!("{engine:?}: {figures}");
        assert!(telling_on < MORE_AT_MOST * telling, "{figures}");
        for (short, long) in scrolling.into_iter().zip(scrolling_on) {
            assert!(long < MORE_AT_MOST * short, "{figures}");
        }
    })
    .await;
}

/// How much more a page may work for the same thing in a log ten times as long. What a browser does in each frame for
/// the parts that it passes over is in it.
const MORE_AT_MOST: f64 = 3.0;

/// Tells messages until there are so many; how many seconds of work the last five times a hundred of them were.
async fn grows_to(person: &Person, told: &mut u64, many: u64) -> f64 {
    let script = "for (let n = arguments[0]; n < arguments[0] + 100; n += 1) {
          const id = 2 + (n % 7 > 3);
          const text = `Message ${n} ` + 'words as people write them '.repeat(n % 6);
          tell({ type: 'message', id, name: id === 2 ? 'Bo' : 'Cy', text, mine: false, counter: n, at: arguments[1] + n * 20_000 });
        }
        return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))";
    let mut before = person.worked().await;
    while *told < many {
        if *told + 500 == many {
            before = person.worked().await;
        }
        person.runs(script, &[json!(told), json!(EVENING)]).await;
        *told += 100;
    }
    person.worked().await - before
}

/// Scrolls up from the end, so many pixels a frame; how many seconds of work that is in all, several times over. The
/// first time is left out, since the browser then lays out what it remembers later.
async fn scrolls(person: &Person, pixels: u32) -> f64 {
    let end = "const log = document.getElementById('messages');
        log.scrollTop = log.scrollHeight;
        return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))";
    let up = "return new Promise((done) => {
            const log = document.getElementById('messages');
            let left = 30;
            const step = () => {
              log.scrollTop -= arguments[0];
              left -= 1;
              requestAnimationFrame(left === 0 ? () => done(log.scrollTop) : step);
            };
            requestAnimationFrame(step);
        })";
    let mut took = 0.0;
    for round in 0..8 {
        person.runs(end, &[]).await;
        let before = person.worked().await;
        let top = person.runs(up, &[json!(pixels)]).await;
        if round > 0 {
            took += person.worked().await - before;
        }
        assert!(top.as_f64().unwrap() > 0.0, "the log is long enough to scroll in every frame");
    }
    took
}

/// Others' messages, one's own and typed letters cost the same in a short log as in a long one full of links.
#[tokio::test(flavor = "multi_thread")]
async fn one_more_message_costs_the_same() {
    const LINKS_IN_A_TEXT: u64 = 50;
    let server = Server::start().await;
    play("one more message", async |scene| {
        let ana = scene.person("Ana", Engine::Chromium).await;
        ana.rehearses(&server.origin()).await;
        let fill = "for (let n = 0; n < arguments[0]; n += 1) {
            tell({ type: 'message', id: 2, name: 'Bo', text: arguments[1], mine: false, counter: n, at: arguments[2] + n * 20_000 });
        }";
        ana.runs(fill, &[json!(100), json!("a short text"), json!(EVENING)]).await;
        let short = one_more(&ana).await;
        let addresses = "http://a ".repeat(1111);
        ana.runs(fill, &[json!(9300), json!("a short text"), json!(EVENING)]).await;
        ana.runs(fill, &[json!(600), json!(addresses), json!(EVENING)]).await;
        let linked = "const texts = [...document.querySelectorAll('.message__text')].slice(-600);
            return texts.map((text) => [text.querySelectorAll('a').length, text.textContent === arguments[0]])";
        let linked = ana.runs(linked, &[json!(addresses)]).await;
        let linked = linked.as_array().unwrap();
        assert!(linked.iter().all(|text| *text == json!([LINKS_IN_A_TEXT, true])), "the rest is there as text");
        let long = one_more(&ana).await;

        println!("in a short log {short:?}, in a long one {long:?}");
        for (what, (short, long)) in ["their messages", "own messages", "letters"].iter().zip(short.into_iter().zip(long)) {
            // A message is about a dozen elements.
            assert!(short.styled < 30 * MANY, "{what}: {short:?}");
            assert!(long.styled <= 2 * short.styled, "{what}: {short:?} in a short log, {long:?} in a long one");
            assert!(long.laid_out <= 2 * short.laid_out, "{what}: {short:?} in a short log, {long:?} in a long one");
        }
    })
    .await;
}

/// As many messages as are laid out together: every so many, one more such part begins.
const MANY: u64 = 40;

/// The work for many messages of another's, many of one's own, and many letters, each drawn by itself.
async fn one_more(person: &Person) -> [Work; 3] {
    let tell = "return (async () => {
        const drawn = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
        for (let n = 0; n < arguments[1]; n += 1) {
          const mine = arguments[0] === 1;
          tell({ type: 'message', id: arguments[0], name: mine ? 'Ana' : 'Bo', text: 'hi', mine, counter: n });
          await drawn();
          if (mine) tell({ type: 'accepted', counter: n });
          await drawn();
        }
      })()";
    let theirs = person.works(async || drop(person.runs(tell, &[json!(2), json!(MANY)]).await)).await;
    let own = person.works(async || drop(person.runs(tell, &[json!(1), json!(MANY)]).await)).await;
    let drawn = "return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))";
    person.fills("Message", "x").await;
    let typed = async || {
        for _ in 0..MANY {
            person.strikes(&["x"]).await;
            person.runs(drawn, &[]).await;
        }
    };
    let letters = person.works(typed).await;
    [theirs, own, letters]
}
