//! Handles time, the network and the page for a session's stream.

use super::Session;
use super::reading::STALL;
use super::state::{Ask, State};
use crate::client::context::{Context, sooner};
use crate::client::io::{Failure, Millis, Network, Page};

/// A stall is declared this long after its time, in milliseconds, so that bytes behind a throttled timer are handled first.
const GRACE: Millis = 250;

impl Session {
    /// Returns when this session needs an [`Input::Timeout`](crate::client::io::Input::Timeout).
    #[must_use]
    pub fn deadline(&self, cx: &Context) -> Option<Millis> {
        let next = match &self.state {
            State::Waiting { until, .. } => *until,
            State::Asking { since, .. } => Some(since.saturating_add(cx.answer_patience(STALL))),
            State::Reading { body, .. } => Some(body.deadline()),
            State::Electing { until, .. } => Some(*until),
            State::Following(follower) => Some(follower.deadline()),
            _ => None,
        };
        let stream = sooner(next, self.confirm_until());
        sooner(stream, sooner(self.save_at, self.owner.deadline()))
    }

    /// Handles the deadlines that have passed: of the record, the delivery, the request, the stream's silence and the other tabs.
    pub fn handle_timeout(&mut self, cx: &mut Context) {
        self.handle_save_due(cx);
        if self.confirm_until().is_some_and(|until| until <= cx.now) {
            return self.give_up_delivery(cx);
        }
        self.owner.handle_timeout(cx.now);
        match &self.state {
            State::Waiting { ask, until: Some(until) } if *until <= cx.now => self.ask(*ask, cx),
            State::Asking { since, .. } if since.saturating_add(cx.answer_patience(STALL)) <= cx.now => {
                self.abort(cx);
                self.handle_failed(Failure::Network("The server did not answer in time.".into()), cx);
            }
            State::Reading { .. } => self.watch(cx),
            State::Electing { .. } | State::Following(_) => self.handle_sharing_timeout(cx),
            _ => {}
        }
    }

    /// Checks the silence in two steps: first the connection is doubted. If no byte arrives within the grace period, the stream
    /// is joined again.
    fn watch(&mut self, cx: &mut Context) {
        let State::Reading { body, .. } = &mut self.state else { return };
        match body.doubtful_until {
            Some(until) if until <= cx.now => self.rejoin_now(cx),
            None if body.is_silent(cx.now) => {
                body.doubtful_until = Some(cx.now.saturating_add(GRACE.min(body.patience)));
                self.show(cx);
            }
            _ => {}
        }
    }

    /// Handles the page going online or offline.
    pub fn handle_network(&mut self, network: Network, cx: &mut Context) {
        match (network, &mut self.state) {
            (Network::Offline, State::Waiting { until, .. }) => *until = None,
            (Network::Online, State::Waiting { .. }) => {
                self.backoff.excuse(cx.now);
                self.hurry(cx);
            }
            (Network::Online, State::Reading { body, .. }) => body.expect_soon(cx.now),
            _ => {}
        }
        self.show(cx);
    }

    /// Handles the page being hidden, shown, left or restored.
    pub fn handle_page(&mut self, page: Page, cx: &mut Context) {
        match (page, &mut self.state) {
            (Page::Hidden, _) => self.save_if_moved(cx),
            (Page::Left, State::Reading { .. } | State::Asking { ask: Ask::Join | Ask::Look(_) | Ask::Verify, .. }) => {
                self.save_if_moved(cx);
                self.suspend(cx);
            }
            (Page::Left, State::Waiting { until, .. }) => {
                *until = None;
                self.save_if_moved(cx);
                self.unlock(cx);
            }
            (Page::Left, _) => {
                self.save_if_moved(cx);
                self.leave_tabs(cx);
            }
            (Page::Shown | Page::Returned, State::Reading { body, .. }) if body.is_silent(cx.now) => {
                self.rejoin_now(cx);
            }
            (Page::Shown | Page::Returned, State::Waiting { .. }) if cx.network == Network::Online => {
                if page == Page::Returned {
                    self.backoff.excuse(cx.now);
                }
                self.hurry(cx);
            }
            (Page::Returned, State::Idle | State::Over(_)) => self.catch_up(cx),
            _ => {}
        }
        self.show(cx);
    }

    /// Closes the request while the page is away. It is sent again when the page returns.
    fn suspend(&mut self, cx: &mut Context) {
        let ask = self.asked().unwrap_or_else(|| self.ask_to_go_on());
        self.abort(cx);
        self.state = State::Waiting { ask, until: None };
        self.unlock(cx);
    }
}
