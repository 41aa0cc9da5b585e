//! Accessibility checks with axe-core.

use std::fs;

use super::{Person, reading::texts};
use crate::tools::tool;

/// Runs axe-core on the present page, in the light and the dark theme, after all animations have ended.
const RUN_AXE: &str = "return (async () => {
    const root = document.documentElement;
    const { theme } = root.dataset;
    const found = [];
    try {
      for (const shown of ['light', 'dark']) {
        root.dataset.theme = shown;
        await new Promise((done) => setTimeout(done));
        await Promise.allSettled(document.getAnimations().map(({ finished }) => finished));
        const { violations } = await axe.run(document, { resultTypes: ['violations'] });
        for (const { id, help, nodes } of violations) {
          for (const { target, failureSummary } of nodes) found.push(`${shown}: ${id}, ${help}: ${target}: ${failureSummary}`);
        }
      }
    } finally {
      root.dataset.theme = theme;
    }
    return found;
  })()";

impl Person {
    /// Returns axe-core's violations on this page, in both themes.
    pub async fn accessibility_violations(&self) -> Vec<String> {
        if self.runs("return typeof axe", &[]).await == "undefined" {
            let axe = fs::read_to_string(tool("axe-core/axe.min.js")).unwrap();
            self.runs(&axe, &[]).await;
        }
        texts(&self.runs(RUN_AXE, &[]).await)
    }
}
