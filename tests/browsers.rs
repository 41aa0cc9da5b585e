//! Cloakroom as people meet it: the real server and the real page, in Chromium and Firefox, and partly in WebKit.

/// Plays the same scene twice, each engine leading once.
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

/// Plays a scene in WebKit as well, which is slower to start and tells less.
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
    mod unloaded;
}
