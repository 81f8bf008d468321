// Sets the theme before the first paint: the one that was chosen here, or else the system's.
const chosen = localStorage.getItem("autumn-mock-theme");
if (chosen) document.documentElement.dataset.theme = chosen;
