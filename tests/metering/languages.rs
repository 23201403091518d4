use tiktoken::get_encoding;
use tower_llm_callbacks::estimate::WordCount;

/// One message in many languages.
const TEXTS: [(&str, &str); 25] = [
    (
        "English",
        "The service could not find the requested file. Check that the name is spelled correctly and that you have permission to read it. If the problem continues, wait a few minutes and try again, or write to the support team and tell them the time of the error.",
    ),
    (
        "German",
        "Der Dienst konnte die angeforderte Datei nicht finden. Prüfen Sie, ob der Name richtig geschrieben ist und ob Sie die Datei lesen dürfen. Wenn das Problem weiterhin besteht, warten Sie einige Minuten und versuchen Sie es erneut, oder schreiben Sie dem Support, wann der Fehler aufgetreten ist.",
    ),
    (
        "French",
        "Le service n'a pas trouvé le fichier demandé. Vérifiez que le nom est bien écrit et que vous avez le droit de le lire. Si le problème persiste, attendez quelques minutes et réessayez, ou écrivez à l'équipe d'assistance en indiquant l'heure de l'erreur.",
    ),
    (
        "Spanish",
        "El servicio no pudo encontrar el archivo solicitado. Compruebe que el nombre está bien escrito y que tiene permiso para leerlo. Si el problema continúa, espere unos minutos e inténtelo de nuevo, o escriba al equipo de soporte e indique la hora del error.",
    ),
    (
        "Portuguese",
        "O serviço não conseguiu encontrar o arquivo solicitado. Verifique se o nome está escrito corretamente e se você tem permissão para lê-lo. Se o problema continuar, espere alguns minutos e tente novamente, ou escreva para a equipe de suporte e informe a hora do erro.",
    ),
    (
        "Italian",
        "Il servizio non è riuscito a trovare il file richiesto. Controlla che il nome sia scritto correttamente e di avere il permesso di leggerlo. Se il problema continua, aspetta qualche minuto e riprova, oppure scrivi al gruppo di assistenza e comunica l'ora dell'errore.",
    ),
    (
        "Dutch",
        "De dienst kon het gevraagde bestand niet vinden. Controleer of de naam goed gespeld is en of u het bestand mag lezen. Als het probleem blijft bestaan, wacht dan een paar minuten en probeer het opnieuw, of schrijf aan de helpdesk hoe laat de fout optrad.",
    ),
    (
        "Polish",
        "Usługa nie mogła znaleźć żądanego pliku. Sprawdź, czy nazwa jest poprawnie zapisana i czy masz prawo go odczytać. Jeśli problem nadal występuje, poczekaj kilka minut i spróbuj ponownie albo napisz do zespołu pomocy i podaj godzinę wystąpienia błędu.",
    ),
    (
        "Czech",
        "Služba nenašla požadovaný soubor. Zkontrolujte, zda je název napsán správně a zda máte oprávnění jej číst. Pokud problém trvá, počkejte několik minut a zkuste to znovu, nebo napište týmu podpory a uveďte čas chyby.",
    ),
    (
        "Swedish",
        "Tjänsten kunde inte hitta den begärda filen. Kontrollera att namnet är rätt stavat och att du har behörighet att läsa den. Om problemet kvarstår, vänta några minuter och försök igen, eller skriv till supporten och ange när felet inträffade.",
    ),
    (
        "Danish",
        "Tjenesten kunne ikke finde den ønskede fil. Kontrollér, at navnet er stavet rigtigt, og at du har tilladelse til at læse den. Hvis problemet fortsætter, så vent et par minutter og prøv igen, eller skriv til supporten og oplys, hvornår fejlen opstod.",
    ),
    (
        "Finnish",
        "Palvelu ei löytänyt pyydettyä tiedostoa. Tarkista, että nimi on kirjoitettu oikein ja että sinulla on oikeus lukea se. Jos ongelma jatkuu, odota muutama minuutti ja yritä uudelleen, tai kirjoita tukeen ja kerro virheen ajankohta.",
    ),
    (
        "Turkish",
        "Hizmet istenen dosyayı bulamadı. Adın doğru yazıldığını ve dosyayı okuma izniniz olduğunu kontrol edin. Sorun devam ederse birkaç dakika bekleyip yeniden deneyin veya destek ekibine yazıp hatanın saatini bildirin.",
    ),
    (
        "Vietnamese",
        "Dịch vụ không tìm thấy tệp được yêu cầu. Hãy kiểm tra xem tên đã được viết đúng chưa và bạn có quyền đọc tệp hay không. Nếu vấn đề vẫn tiếp diễn, hãy đợi vài phút rồi thử lại, hoặc viết cho nhóm hỗ trợ và cho biết thời điểm xảy ra lỗi.",
    ),
    (
        "Russian",
        "Служба не смогла найти запрошенный файл. Проверьте, правильно ли написано имя и есть ли у вас право на чтение. Если проблема остаётся, подождите несколько минут и попробуйте снова или напишите в службу поддержки и укажите время ошибки.",
    ),
    (
        "Ukrainian",
        "Служба не змогла знайти потрібний файл. Перевірте, чи правильно написано назву і чи маєте ви право його читати. Якщо проблема залишається, зачекайте кілька хвилин і спробуйте ще раз або напишіть до служби підтримки і вкажіть час помилки.",
    ),
    (
        "Greek",
        "Η υπηρεσία δεν μπόρεσε να βρει το αρχείο που ζητήθηκε. Ελέγξτε αν το όνομα είναι σωστά γραμμένο και αν έχετε δικαίωμα να το διαβάσετε. Αν το πρόβλημα συνεχίζεται, περιμένετε λίγα λεπτά και δοκιμάστε ξανά.",
    ),
    (
        "Arabic",
        "لم تتمكن الخدمة من العثور على الملف المطلوب. تأكد من أن الاسم مكتوب بشكل صحيح وأن لديك إذنا بقراءته. إذا استمرت المشكلة فانتظر بضع دقائق ثم حاول مرة أخرى، أو اكتب إلى فريق الدعم واذكر وقت الخطأ.",
    ),
    (
        "Hebrew",
        "השירות לא הצליח למצוא את הקובץ המבוקש. בדקו שהשם כתוב נכון ושיש לכם הרשאה לקרוא אותו. אם הבעיה נמשכת, המתינו כמה דקות ונסו שוב, או כתבו לצוות התמיכה וציינו את שעת השגיאה.",
    ),
    (
        "Hindi",
        "सेवा को माँगी गई फ़ाइल नहीं मिली। जाँचें कि नाम सही लिखा है और आपके पास उसे पढ़ने की अनुमति है। यदि समस्या बनी रहती है तो कुछ मिनट रुकें और फिर से कोशिश करें, या सहायता दल को लिखें और त्रुटि का समय बताएँ।",
    ),
    (
        "Thai",
        "บริการไม่พบไฟล์ที่ต้องการ โปรดตรวจสอบว่าชื่อสะกดถูกต้องและคุณมีสิทธิ์อ่านไฟล์นั้น หากปัญหายังคงอยู่ ให้รอสักครู่แล้วลองอีกครั้ง หรือเขียนถึงทีมสนับสนุนและแจ้งเวลาที่เกิดข้อผิดพลาด",
    ),
    (
        "Chinese",
        "服务找不到所请求的文件。请检查名称是否拼写正确，以及您是否有权读取该文件。如果问题仍然存在，请等待几分钟后重试，或者写信给支持团队，并说明错误发生的时间。",
    ),
    (
        "Japanese",
        "サービスは要求されたファイルを見つけられませんでした。名前が正しく書かれていること、読み取る権限があることを確認してください。問題が続く場合は、数分待ってからもう一度試すか、エラーの時刻をサポートに連絡してください。",
    ),
    (
        "Korean",
        "서비스가 요청한 파일을 찾지 못했습니다. 이름이 올바르게 쓰였는지, 파일을 읽을 권한이 있는지 확인하세요. 문제가 계속되면 몇 분 기다린 뒤 다시 시도하거나 지원 팀에 오류가 발생한 시각을 알려 주세요.",
    ),
    (
        "Georgian",
        "სერვისმა ვერ იპოვა მოთხოვნილი ფაილი. შეამოწმეთ, სწორად წერია თუ არა სახელი და გაქვთ თუ არა მისი წაკითხვის უფლება. თუ პრობლემა გრძელდება, დაელოდეთ რამდენიმე წუთს და სცადეთ ხელახლა.",
    ),
];

/// The words of each language are near the tokens that o200k has. Those that are further off are known.
#[test]
fn words_are_near_tokens_in_many_languages() {
    let encoding = get_encoding("o200k_base").unwrap();
    let mut far = Vec::new();
    for (language, text) in TEXTS {
        let mut count = WordCount::new();
        count.push(text);
        let ratio = count.tokens() / encoding.count(text) as f64;
        println!("{language:12} {ratio:.2}");
        if !(0.85..=1.15).contains(&ratio) {
            far.push((language, ratio));
        }
        assert!((0.7..=1.4).contains(&ratio), "{language}: {ratio}");
    }
    assert!(far.len() <= 3, "{far:?}");
}
