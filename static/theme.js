// The choice between light and dark. Runs before anything is painted, so that no page flashes in the wrong
// colours. The choice is the one thing that stays in the browser's storage.
{
  const KEY = 'theme';
  const CHOICES = ['light', 'dark'];
  const root = document.documentElement;

  const chosen = () => {
    try {
      const theme = localStorage.getItem(KEY);
      return CHOICES.includes(theme) ? theme : 'system';
    } catch {
      return 'system'; // storage can be forbidden
    }
  };

  const keep = (theme) => {
    try {
      if (CHOICES.includes(theme)) localStorage.setItem(KEY, theme);
      else localStorage.removeItem(KEY);
    } catch {
      // Then it holds for this page.
    }
  };

  const draw = (theme) => {
    root.dataset.theme = theme;
    for (const bar of document.querySelectorAll('meta[data-bar]')) {
      const { bar: scheme } = bar.dataset;
      bar.media = theme === 'system' ? `(prefers-color-scheme: ${scheme})` : theme === scheme ? 'all' : 'not all';
    }
    for (const select of document.querySelectorAll('.theme select')) select.value = theme;
  };

  draw(chosen());
  document.addEventListener('DOMContentLoaded', () => {
    for (const control of document.querySelectorAll('.theme')) control.hidden = false;
    draw(chosen());
  });
  document.addEventListener('change', ({ target }) => {
    if (!target.matches('.theme select')) return;
    keep(target.value);
    draw(target.value);
  });
  // Another tab has chosen.
  addEventListener('storage', () => draw(chosen()));
}
