// Never compiled: what the scanner for braces and conditionals inside co_await expressions must let pass.
Task<> good(Signal& signal, Workers& workers) {
  auto job = [text] { return use(text); };
  auto done = co_await workers.run(strand, std::move(job));
  auto begin = [text] { return ask(text); };
  auto answer = co_await flights.join(key, begin);  // a std::function
  while (!ready()) co_await signal.wait();  // co_await f({a, b})
  auto job = [text] { return text.size(); };
  auto size = co_await workers.run(std::move(job));
  if (co_await exchange.read()) {
    co_return;
  }
  for (int i = 0; i < co_await count(signal); ++i) {
    log("co_await f({a, b})", '{');
  }
  Options options{.url = text};
  auto answer = co_await fetch(std::move(options), table[index(1)], R"({"a": 1})");
  const bool known = co_await asked(1) && other;
  auto operator co_await() && { return Awaiter{handle_}; }
  auto chosen = known ? first() : second();
  co_await std::move(chosen);
  const int outcome = co_await asked(1) ? 1 : 2;
}
