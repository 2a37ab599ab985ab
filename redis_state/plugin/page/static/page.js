// The theme is that of Airflow's UI, which keeps it where this page may read it, too.
function followTheme() {
  let theme = null;
  try {
    theme = localStorage.getItem("theme");
  } catch {
    // Without storage, the system decides.
  }
  if (theme === "light" || theme === "dark") {
    document.documentElement.dataset.theme = theme;
  } else {
    delete document.documentElement.dataset.theme;
  }
}

followTheme();
addEventListener("storage", followTheme);

// The same words as those of the server: see rendering.py.
function span(seconds) {
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  for (let i = 0; i + 1 < units.length; i++) {
    const [unit, each] = units[i];
    const [next, nextEach] = units[i + 1];
    if (seconds >= each) {
      const rest = Math.floor((seconds % each) / nextEach);
      return `${Math.floor(seconds / each)} ${unit} ${rest} ${next}`;
    }
  }
  return `${seconds} s`;
}

function countDown() {
  // Since the page was loaded: the clock of this machine may be another than the server's.
  const passed = Math.floor(performance.now() / 1000);
  for (const each of document.querySelectorAll("time[data-left]")) {
    const left = Number(each.dataset.left) - passed;
    const text = left > 0 ? span(left) : "over";
    if (each.textContent !== text) {
      each.textContent = text;
    }
  }
}

function filterRows(input) {
  const wanted = input.value.trim().toLowerCase();
  const rows = document.getElementById(input.dataset.filters).tBodies[0].rows;
  let shown = 0;
  for (const row of rows) {
    const [index, state] = [row.cells[0], row.cells[row.cells.length - 1]].map((cell) =>
      cell.textContent.trim(),
    );
    row.hidden = wanted !== "" && index !== wanted && !state.includes(wanted);
    shown += row.hidden ? 0 : 1;
  }
  input.parentElement.querySelector("output").textContent =
    wanted === "" ? "" : `${shown} of ${rows.length}`;
}

addEventListener("DOMContentLoaded", () => {
  countDown();
  setInterval(countDown, 1000);
  for (const row of document.querySelectorAll("tr.chosen")) {
    const table = row.closest(".scroll");
    table.scrollTop = row.offsetTop - table.clientHeight / 2;
  }
  for (const input of document.querySelectorAll("input[data-filters]")) {
    input.parentElement.hidden = false;
    let pause = 0;
    input.addEventListener("input", () => {
      // Whoever listens hears the count once, and not with each letter.
      clearTimeout(pause);
      pause = setTimeout(filterRows, 200, input);
    });
  }
});
