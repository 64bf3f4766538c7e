//! Rules of workflows, one by one and in random histories.

mod histories;
mod layouts;
mod places;
mod rules;
mod scene;
mod world;
