//! The real server and the real page in Chromium and Firefox, and some scenes in WebKit.

/// Plays each scene once in each engine, for scenes whose outcome depends on the engine.
macro_rules! with_each_engine {
    ($($scene:ident)*) => {
        $(
            mod $scene {
                use support::browser::Engine;

                #[tokio::test(flavor = "multi_thread")]
                async fn chromium() {
                    super::$scene(Engine::Chromium).await;
                }

                #[tokio::test(flavor = "multi_thread")]
                async fn firefox() {
                    super::$scene(Engine::Firefox).await;
                }
            }
        )*
    };
}

/// Plays each scene with both engines. The engine that a scene is listed under leads. The tests with the other engine
/// leading are ignored by default; `-- --ignored other_order` plays all of them.
macro_rules! with_engines_in_turn {
    ($(chromium: $($by_chromium:ident)+;)? $(firefox: $($by_firefox:ident)+;)?) => {
        $($(with_engines_in_turn! { @ $by_chromium chromium Chromium firefox Firefox })+)?
        $($(with_engines_in_turn! { @ $by_firefox firefox Firefox chromium Chromium })+)?
    };
    (@ $scene:ident $leads:ident $leading:ident $follows:ident $following:ident) => {
        mod $scene {
            #[tokio::test(flavor = "multi_thread")]
            async fn $leads() {
                super::$scene(support::browser::Engine::$leading).await;
            }

            mod other_order {
                #[tokio::test(flavor = "multi_thread")]
                #[ignore = "the other order"]
                async fn $follows() {
                    super::super::$scene(support::browser::Engine::$following).await;
                }
            }
        }
    };
}

/// Plays a scene in WebKit as well. WebKit is slower to start, and its driver reports less.
macro_rules! in_webkit_too {
    ($($scene:ident)*) => {
        mod in_webkit {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $scene() {
                    super::$scene(support::browser::Engine::WebKit).await;
                }
            )*
        }
    };
}

mod browsers {
    mod access;
    mod choosing;
    mod composing;
    mod connection;
    mod crowd;
    mod door;
    mod emoji;
    mod gate;
    mod hostile;
    mod invite;
    mod keyboard;
    mod leaving;
    mod log;
    mod narrow;
    mod notice;
    mod people;
    mod picture;
    mod pictures;
    mod plain;
    mod secrets;
    mod security;
    mod talk;
    mod theme;
    mod tls;
    mod transcript;
    mod unloaded;
}
