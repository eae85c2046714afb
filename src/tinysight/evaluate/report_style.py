"""How a report looks: one style sheet, light and dark, for a desk and for a phone, and on paper."""

from __future__ import annotations

from tinysight.evaluate.svg import COLOURS

_PAGE = """
*{box-sizing:border-box}
html{color-scheme:light dark;scroll-behavior:smooth;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--back);color:var(--ts-ink);line-height:1.55;
 font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,Helvetica,Arial,sans-serif}
main,header>div,nav>div{max-width:1080px;margin:0 auto;padding:0 24px}
header{padding:48px 0 28px;background:var(--hero);border-bottom:1px solid var(--ts-grid)}
h1{font-size:clamp(1.5rem,4vw,2.1rem);line-height:1.2;margin:0 0 6px;letter-spacing:-.02em;overflow-wrap:anywhere}
h2{font-size:1.35rem;margin:0 0 4px;letter-spacing:-.01em}
h3{font-size:1rem;margin:24px 0 6px}
p{margin:8px 0;max-width:72ch}
.soft{color:var(--ts-soft)}
.facts{display:flex;flex-wrap:wrap;gap:6px 8px;padding:0;margin:14px 0 0;list-style:none}
.facts li{background:var(--ts-page);border:1px solid var(--ts-grid);border-radius:99px;padding:2px 12px;
 font-size:.86rem;overflow-wrap:anywhere}
nav{position:sticky;top:0;z-index:2;background:var(--bar);backdrop-filter:blur(8px);
 border-bottom:1px solid var(--ts-grid)}
nav>div{display:flex;gap:4px;overflow-x:auto;padding-top:8px;padding-bottom:8px;scrollbar-width:none}
nav a{white-space:nowrap;color:var(--ts-soft);text-decoration:none;padding:4px 10px;border-radius:8px;font-size:.9rem}
nav a:hover,nav a:focus-visible{background:var(--ts-grid);color:var(--ts-ink)}
section{background:var(--ts-page);border:1px solid var(--ts-grid);border-radius:16px;padding:24px;margin:20px 0;
 scroll-margin-top:56px}
.headline{display:grid;grid-template-columns:minmax(260px,1fr) 1.4fr;gap:8px 36px;align-items:center}
.big{font-size:clamp(3rem,9vw,4.6rem);font-weight:700;letter-spacing:-.04em;line-height:1;
 font-variant-numeric:tabular-nums}
.big small{font-size:.42em;font-weight:600;letter-spacing:0}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(190px,1fr));gap:12px;margin-top:20px;padding:0;
 list-style:none}
.tiles li{border:1px solid var(--ts-grid);border-radius:12px;padding:12px 14px}
.tiles b{display:block;font-size:1.5rem;letter-spacing:-.02em;font-variant-numeric:tabular-nums}
.tiles span{display:block;font-size:.86rem;color:var(--ts-soft)}
.tiles .what{color:var(--ts-ink);font-weight:600}
.note{border-left:4px solid var(--ts-orange);background:var(--warn);border-radius:0 10px 10px 0;padding:8px 14px;
 margin:14px 0 0}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(310px,1fr));gap:16px;margin-top:16px}
.card{border:1px solid var(--ts-grid);border-radius:14px;overflow:hidden;background:var(--back)}
.views{display:grid;grid-template-columns:repeat(3,1fr);gap:2px;background:var(--ts-grid)}
.views figure{margin:0;background:var(--back);display:flex;flex-direction:column}
.views img{width:100%;aspect-ratio:1;object-fit:contain;display:block;background:#000}
.views figcaption{font-size:.72rem;line-height:1.3;padding:5px 7px;color:var(--ts-soft);overflow-wrap:anywhere}
.verdict{padding:10px 14px 12px}
.verdict dl{display:grid;grid-template-columns:auto 1fr auto;gap:2px 10px;margin:0;font-size:.94rem}
.verdict dt{color:var(--ts-soft)}
.verdict dd{margin:0;font-weight:600;overflow-wrap:anywhere}
.verdict dd.share{font-variant-numeric:tabular-nums;text-align:right}
.said{color:var(--ts-orange)}
.true{color:var(--ts-blue)}
.file{font-size:.78rem;color:var(--ts-soft);margin:6px 0 0;overflow-wrap:anywhere}
.plot{margin:16px 0 0;overflow-x:auto}
.plot svg{display:block;max-width:100%;height:auto}
.plot figcaption{font-size:.86rem;color:var(--ts-soft);max-width:72ch;margin-top:6px}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));gap:8px 32px;align-items:start}
.scroll{overflow-x:auto;margin-top:12px}
table{border-collapse:collapse;width:100%;font-size:.92rem;font-variant-numeric:tabular-nums}
th,td{padding:6px 10px;text-align:right;border-bottom:1px solid var(--ts-grid);white-space:nowrap}
th{color:var(--ts-soft);font-weight:600;font-size:.82rem}
th:first-child,td:first-child,.left{text-align:left}
td.name{white-space:normal;overflow-wrap:anywhere;min-width:9em}
tr.faint td{color:var(--ts-soft)}
details{margin-top:14px}
summary{cursor:pointer;color:var(--ts-blue);font-weight:600}
.lines{font:.84rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;padding-left:20px;overflow-wrap:anywhere}
footer{max-width:1080px;margin:0 auto;padding:8px 24px 48px;font-size:.86rem;color:var(--ts-soft)}
@media (max-width:640px){
 main,header>div,nav>div{padding-left:14px;padding-right:14px}
 header{padding:28px 0 18px}
 section{padding:18px 14px;border-radius:12px}
 .headline{grid-template-columns:1fr}
 .plot.wide svg{width:100%}
 .cards{grid-template-columns:1fr}
 table{font-size:.82rem}
 th{white-space:normal;font-size:.76rem;vertical-align:bottom}
 th,td{padding:5px 4px}
 td.name{min-width:6em}
}
@media print{nav{display:none}section,.card{break-inside:avoid}}
"""
_LIGHT = "--back:#f5f7fa;--hero:linear-gradient(135deg,#e6efff,#f8f3ff 60%,#fff4ea);--bar:#ffffffd9;--warn:#fdf3e7"
_DARK = "--back:#0b0e13;--hero:linear-gradient(135deg,#14233f,#1d1733 60%,#2a1c12);--bar:#12161dd9;--warn:#2a1d10"


def style_sheet() -> str:
    """Return the page's style sheet; its colours are those of the plots."""

    def variables(which: int) -> str:
        return "".join(f"--ts-{name}:{pair[which]};" for name, pair in COLOURS.items())

    dark = f"@media (prefers-color-scheme:dark){{:root{{{variables(1)}{_DARK}}}}}"
    return f":root{{{variables(0)}{_LIGHT}}}{dark}{_PAGE}"
