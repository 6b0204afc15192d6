//! The day as a picture: requests per minute with and without jitter, on a logarithmic scale, and what happened when.

use std::fmt::Write as _;

use crate::day::{FLOOD, RESTART};
use crate::provider::{HOUR, MINUTE, Millis, OUTAGE, ROTATIONS};
use crate::report::Report;

const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 976.0;
const TOP: f64 = 92.0;
const BOTTOM: f64 = 366.0;
/// The powers of ten at the bottom and at the top.
const DECADES: std::ops::RangeInclusive<u32> = 1..=5;
const MINUTES: f64 = 1440.0;

/// Colours that are legible on white as on black.
const STYLE: &str = "\
text{font:13px system-ui,sans-serif;fill:#24292f}.small{font-size:12px;fill:#57606a}.middle{text-anchor:middle}\
.end{text-anchor:end}.grid{stroke:#d0d7de}.event{stroke:#57606a;stroke-dasharray:3 3}.span{fill:#57606a;opacity:.12}\
.without{stroke:#d9822b;stroke-width:1.2;fill:none}.with{stroke:#1f6feb;stroke-width:1.8;fill:none}\
@media(prefers-color-scheme:dark){.sheet{fill:#0d1117}text{fill:#e6edf3}.small{fill:#9da7b3}.grid{stroke:#30363d}\
.event{stroke:#9da7b3}.span{fill:#9da7b3;opacity:.16}.without{stroke:#e3963e}.with{stroke:#58a6ff}}";

pub(crate) fn draw(with: &Report, without: &Report, instances: usize) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-label=\"Requests per minute to the provider of {instances} instances over a day\">\n\
         <style>{STYLE}</style>\n<rect class=\"sheet\" width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n"
    );
    legend(&mut svg, instances);
    axes(&mut svg);
    for span in [OUTAGE, FLOOD] {
        let (from, to) = (x(span.start), x(span.end));
        let size = format!("width=\"{:.1}\" height=\"{:.1}\"", to - from, BOTTOM - TOP);
        add(&mut svg, &format!("<rect class=\"span\" x=\"{from:.1}\" y=\"{TOP}\" {size}/>"));
    }
    bars(&mut svg, &without.by_minute());
    line(&mut svg, &with.by_minute());
    events(&mut svg);
    svg + "</svg>\n"
}

fn legend(svg: &mut String, instances: usize) {
    let thousands = instances / 1_000;
    text(svg, "", LEFT, 22.0, &format!("Requests per minute of {thousands},000 instances to their provider"));
    for (class, at, label) in
        [("with", 560.0, "with jitter"), ("without", 690.0, "without jitter and clock skew")]
    {
        add(svg, &format!("<path class=\"{class}\" d=\"M{at} 18h24\"/>"));
        text(svg, "", at + 32.0, 22.0, label);
    }
}

fn axes(svg: &mut String) {
    for decade in DECADES {
        let (at, count) = (y(10_u64.pow(decade)), 10_u64.pow(decade));
        add(svg, &format!("<path class=\"grid\" d=\"M{LEFT} {at:.1}H{RIGHT}\"/>"));
        let label = if count < 1_000 { count.to_string() } else { format!("{},000", count / 1_000) };
        text(svg, "small end", LEFT - 8.0, at + 4.0, &label);
    }
    for hour in (0..=24).step_by(3) {
        text(svg, "small middle", x(hour * HOUR), BOTTOM + 20.0, &format!("{hour:02}:00"));
    }
}

/// A minute without any request has no bar.
fn bars(svg: &mut String, minutes: &[u64]) {
    let mut path = String::new();
    for (minute, count) in minutes.iter().enumerate().filter(|(_, count)| **count > 0) {
        let _ = write!(path, "M{:.1} {BOTTOM}V{:.1}", x(minute as Millis * MINUTE), y(*count));
    }
    add(svg, &format!("<path class=\"without\" d=\"{path}\"/>"));
}

fn line(svg: &mut String, minutes: &[u64]) {
    let mut path = String::new();
    for (minute, count) in minutes.iter().enumerate() {
        let letter = if minute == 0 { 'M' } else { 'L' };
        let _ = write!(path, "{letter}{:.1} {:.1}", x(minute as Millis * MINUTE), y(*count));
    }
    add(svg, &format!("<path class=\"with\" d=\"{path}\"/>"));
}

fn events(svg: &mut String) {
    let labels = [
        (0, "start of all", ""),
        (ROTATIONS[0], "rotation,", "announced 2 h before"),
        (ROTATIONS[1], "rotation,", "announced 5 min before"),
        (ROTATIONS[2], "rotation", "without overlap"),
        (RESTART, "restart of all", ""),
    ];
    for (at, first, second) in labels {
        add(svg, &format!("<path class=\"event\" d=\"M{:.1} {TOP}V{BOTTOM}\"/>", x(at)));
        label(svg, x(at), first, second);
    }
    text(svg, "small middle", f64::midpoint(x(OUTAGE.start), x(OUTAGE.end)), TOP + 18.0, "outage");
    text(svg, "small", x(FLOOD.end) + 6.0, TOP + 18.0, "flood on 1 %");
}

fn label(svg: &mut String, at: f64, first: &str, second: &str) {
    let at = at.max(LEFT + 36.0);
    text(svg, "small middle", at, TOP - 32.0, first);
    text(svg, "small middle", at, TOP - 16.0, second);
}

fn text(svg: &mut String, class: &str, x: f64, y: f64, text: &str) {
    add(svg, &format!("<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>"));
}

fn add(svg: &mut String, element: &str) {
    *svg += element;
    *svg += "\n";
}

fn x(at: Millis) -> f64 {
    LEFT + (RIGHT - LEFT) * (at as f64 / MINUTE as f64) / MINUTES
}

/// What is below the scale is at its bottom.
fn y(count: u64) -> f64 {
    let (least, most) = (f64::from(*DECADES.start()), f64::from(*DECADES.end()));
    let part = ((count.max(1) as f64).log10() - least) / (most - least);
    BOTTOM - (BOTTOM - TOP) * part.max(0.0)
}
