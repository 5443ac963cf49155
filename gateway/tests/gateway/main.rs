//! The gateway over real HTTP on loopback, with the answer path that evaluations use.

mod answering;
mod callbacks;
mod fixture;
mod limits;
mod pages;
mod real_model;
mod review;
mod security;
mod steering;
mod switching;
