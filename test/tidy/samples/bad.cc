// Never compiled: each line that ends in a mark has a brace or a conditional inside a co_await expression.
Task<> bad(Signal& signal, Workers& workers) {
  auto a = co_await up.get({.url = text});           // bad
  auto b = co_await fetch(Options{text, 1});         // bad
  co_await Object{}.method();                        // bad
  auto c = co_await workers.run([text] { use(); });  // bad
  auto d = co_await workers.run(                     // bad
      first, [text]() mutable -> int {
        return use(text);
      });
  co_await (known ? Wait{1} : Wait{2});  // bad
  f(co_await g(std::vector<int>{1, 2}));  // bad
  if ((co_await list({a, b})).empty()) {  // bad
    co_return;
  }
  auto job = [text] { return use(text); };
  auto h = co_await workers.run(strand, job);       // bad
  auto i = co_await upstreams.first_of(hops, job);  // bad
  co_await keep(asked ? std::string() : reference);  // bad
  auto e = one + co_await two(1) + co_await three(Piece{2});  // bad
}
